"""What all models of `transformers` share behind our interface, however they read.

`model.*` is the `transformers` model. A module of this folder for each way of reading, called as the reading is, has
the `Model` of that kind: `left_to_right.py`, `bidirectional.py`.
"""

import inspect
from abc import ABC

from torch import Tensor, nn

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from pipeline.formats.architectures import longest_sequence
from train.models.hf.checkpoint import from_config, load_checkpoint, read_config
from train.models.hf.label_head import ArchitectureHead
from train.models.hf.probes import keeps_apart
from train.models.interface import Body


class TransformersModel(Body, ABC):
    """A model of `transformers`, with fresh weights or those of a folder."""

    def __init__(self, config: HuggingFaceConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.context = config.context
        settings = read_config(config, vocab_size)
        text = settings.get_text_config()
        limit = longest_sequence(text.to_dict())
        if limit is not None and config.context > limit:
            raise UserError(
                f"model.context={config.context} is longer than the {limit} positions of this "
                f"{settings.model_type} model; set model.context={limit} or less"
            )
        self.width: int = text.hidden_size
        if config.path is None:
            self.model = from_config(settings, config.reading, pairs=config.pair_head)
        else:
            self.model = load_checkpoint(config.path, settings, config.reading, pairs=config.pair_head)
        embeddings = self.model.get_input_embeddings().weight
        assert isinstance(embeddings, Tensor)
        self.vocab_size = embeddings.size(0)
        if self.vocab_size < vocab_size:
            raise UserError(
                f"the checkpoint {config.path} has {self.vocab_size} token embeddings and the tokenizer "
                f"{vocab_size} ids; use the tokenizer that belongs to the checkpoint"
            )
        self._recomputes = 0
        self._accepts = frozenset(inspect.signature(self.model.forward).parameters)

    def label_head(self, labels: int) -> nn.Module:
        try:
            return ArchitectureHead(self.model.config, labels)
        except ValueError:  # it has no such class
            self.exported_poolings = ()
            return super().label_head(labels)

    def drop_output(self) -> None:
        """Keep the base model alone, under the name that it has in all classes of its architecture."""
        for name, child in list(self.model.named_children()):
            if child is not self.model.base_model:
                delattr(self.model, name)

    def check_segments(self) -> None:
        """See whether this architecture reads documents that share a row as if each stood alone; without memory for
        its weights, only whether it may.

        Raises:
            UserError: where it does not.
        """
        has_weights = next(self.parameters()).device.type != "meta"
        if not self._may_keep_apart() or (has_weights and not keeps_apart(self)):
            raise UserError(
                f"{type(self.model).__name__} of transformers cannot keep documents apart that share a sequence; "
                "set data.packing=concatenate (of fine-tuning finetune.batching=by_length), or train a model of this "
                "project's own"
            )

    def _may_keep_apart(self) -> bool:
        return "position_ids" in self._accepts

    @property
    def blocks(self) -> list[nn.Module]:
        """The modules that the architecture wants kept whole: its transformer blocks."""
        names = set(self.model._no_split_modules or ())
        found = [module for module in self.model.modules() if type(module).__name__ in names]
        # mBART also names the attention within its blocks.
        inner = {part for module in found for part in module.modules() if part is not module}
        return [module for module in found if module not in inner]

    @property
    def gradient_checkpointing(self) -> int:
        return self._recomputes

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, every: int) -> None:
        if every > 1:
            raise UserError(
                f"trainer.activation_checkpointing={every}: models of transformers recompute all of their blocks "
                "or none; set it to true"
            )
        # transformers 5.2x renamed the methods; the old names warn there, the new ones are absent before.
        prefix = "activation" if hasattr(self.model, "activation_checkpointing_enable") else "gradient"
        if not every:
            getattr(self.model, f"{prefix}_checkpointing_disable")()
        elif self.model.supports_gradient_checkpointing:
            getattr(self.model, f"{prefix}_checkpointing_enable")({"use_reentrant": False})
        else:
            raise UserError(
                f"{type(self.model).__name__} of transformers cannot recompute its blocks; "
                "set trainer.activation_checkpointing=false"
            )
        self._recomputes = every
