"""One body with the heads of several tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from pipeline.errors import UserError
from train.checkpoints.final_model import describe_model, described_model
from train.finetuning.head import ModelWithHead, load_with_head
from train.finetuning.head_task import head_task
from train.finetuning.multi.examples import LABELS, PLACES
from train.models import Body, FigureSum, LossSum, as_body, build_model
from train.models.wrapped import WrappedModel

HEADS = "heads"
"""What model.json calls what it says of each task."""


class MultiModel(WrappedModel):
    """The body reads each row once, and each head judges the rows that are its task's."""

    peft_task: ClassVar[str] = "FEATURE_EXTRACTION"

    def __init__(self, parts: Mapping[str, ModelWithHead], targets: Mapping[str, float]):
        """
        Args:
            parts: the tasks' models, all on one body.
            targets: how many labels an example of each task has in the mean. Its loss is divided by that, so that an
                example of a task counts as one of another.
        """
        super().__init__(next(iter(parts.values())).backbone)
        self._parts, self._targets = dict(parts), dict(targets)
        # Their own layers alone: the body would stand here once for each, and be sharded and saved so.
        self._layers = {
            name: {layer: f"{name}_{layer}" for layer in part.new_layers} for name, part in parts.items()
        }
        for name, part in parts.items():
            for layer, own in self._layers[name].items():
                self.add_module(own, part.get_submodule(layer))
        self.new_layers = tuple(own for layers in self._layers.values() for own in layers.values())

    def part(self, name: str) -> ModelWithHead:
        """The model of one task, as it would be alone. Its layers are this model's, whatever has been put around them
        since, such as adapters."""
        part = self._parts[name]
        for layer, own in self._layers[name].items():
            part.add_module(layer, self.get_submodule(own))
        return part

    def forward(
        self,
        input_ids: Tensor,
        lengths: Tensor,
        examples: Tensor,
        token_types: Tensor | None = None,
        **labels: Tensor,
    ) -> LossSum:
        """The sum of the losses of right-padded input_ids [B, T] with lengths [B], each example counting as one.

        Args:
            examples: how many of the rows are no padding, int64 scalar.
            labels: of each task `places/…` and `labels/…`, as `MultiExamples.collate` gives them.
        """
        hidden = cast(Body, self.backbone).hidden(input_ids, lengths=lengths, token_types=token_types)
        total = hidden.new_zeros((), dtype=torch.float32)
        figures: dict[str, FigureSum] = {}
        for name in self._parts:
            places = labels[PLACES + name]
            loss = self.part(name).judge(
                hidden[places], input_ids[places], lengths[places], labels[LABELS + name]
            )
            assert isinstance(loss, LossSum)
            total = total + loss.total / self._targets[name]
            figures |= {f"{name}_{figure}": value for figure, value in loss.figures.items()}
        return LossSum(total, examples, figures=figures)


def load_multi(artifact: Path, device: str | torch.device = "cpu") -> MultiModel:
    """The artifact's model in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    description = describe_model(artifact)
    if HEADS not in description:
        raise UserError(f"{artifact} holds no model of several tasks; fine-tune with finetune.task=multi")
    body = as_body(build_model(*described_model(artifact)))
    found: dict[str, dict[str, Any]] = description[HEADS]
    parts = {name: head_task(facts["task"]).model_on(body, facts) for name, facts in found.items()}
    return load_with_head(MultiModel(parts, dict.fromkeys(parts, 1.0)), artifact, device)
