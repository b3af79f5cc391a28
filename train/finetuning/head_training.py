"""The training side of tasks that put a head of their own on a body."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from torch import Tensor

from pipeline.formats.tokenizers import tokenizer_hash
from train.finetuning.head import ModelWithHead, save_with_head
from train.finetuning.training import E, TaskTraining
from train.models import Body, as_body


class HeadTraining(TaskTraining[E]):
    """The base model is trained with the head in place of its output layers."""

    @abstractmethod
    def model_on(self, body: Body) -> ModelWithHead:
        """The head, new, on a body that is there."""

    @abstractmethod
    def head_facts(self) -> dict[str, Any]:
        """What model.json has to say of the head, so that it can be built again."""

    def new_model(self) -> ModelWithHead:
        return self.model_on(as_body(self.base.load()))

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base, facts = self.base, self.head_facts()
        save_with_head(
            artifact, state, base.config, base.vocab_size, **facts, tokenizer=tokenizer_hash(artifact)
        )
