"""A teacher whose next-token distribution is learnt beside the text."""

from typing import Annotated

from pydantic import PositiveFloat, PositiveInt

from pipeline.config.base import NEUTRAL, Content, Fraction, NeutralBool, Section
from pipeline.formats.training_artifact import described_checkpoint, initial_files


class DistillConfig(Section):
    """Distillation (Hinton et al., 2015): the student learns a teacher's distribution of each next token beside the
    text's own tokens. The teacher reads with the student's tokenizer. Without this section there is no teacher; any of
    its keys brings it."""

    teacher: Annotated[str | None, Content(initial_files, or_name=True)] = None
    """A run's name (with `/pretrain` behind it, its model before fine-tuning), the folder of an artifact or of a
    training checkpoint, a Hugging Face folder, or a name on the hub. Its tokenizer must be this run's, token by
    token."""
    step: Annotated[PositiveInt | None, NEUTRAL] = None  # the content of what it leads to counts
    """The training checkpoint to take of the run or artifact; None takes its finished model."""
    temperature: PositiveFloat = 2.0
    """What both models' logits are divided by before they are compared: above 1 the unlikely tokens count for more. The
    loss is multiplied by its square, so that gradients keep their size."""
    weight: Fraction = 0.5
    """Share of the teacher in what is trained on; the rest is the cross-entropy of the text's own tokens."""
    top_k: PositiveInt | None = None
    """Of each distribution as many of the likeliest tokens are told apart, and all others are one outcome. None
    compares whole distributions."""
    cache: NeutralBool = False
    """The teacher reads all examples once before the first step, and its `top_k` tokens of each place are kept in the
    store (`.teachers`), for every start and every student that learns of the same examples. Without it the teacher
    reads along in every step."""

    def problems(self) -> list[str]:
        found = []
        if self.teacher is None:
            found.append("the teacher is missing: name a run, a folder of weights or a model on the hub")
        if self.weight == 0:
            found.append("weight=0 leaves nothing of the teacher; leave the section out, or raise it")
        if self.cache and self.top_k is None:
            found.append("cache=true keeps the teacher's likeliest tokens; say how many: top_k=64")
        return found

    def bytes_per_token(self, vocab_size: int) -> int:
        """What `cache` keeps of each token: ids of 2 bytes, or 4, and log-probabilities of 2 with one of all others."""
        likeliest = self.top_k or 0
        return likeliest * (2 if vocab_size <= 65_536 else 4) + 2 * (likeliest + 1)

    def environment(self) -> dict[str, str]:
        """Of a training checkpoint, whose files hold weights alone, also which model they are of."""
        return described_checkpoint(self.teacher, "the teacher")
