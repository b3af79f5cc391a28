"""Pruning in the pretrain stage: once, by one rank, into the stage's folder, whence all ranks and restarts read it."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.pruning import PruneConfig
from pipeline.context import Context
from pipeline.formats.training_artifact import PRUNING_FILE
from pipeline.store import durable
from pipeline.store.artifacts import SCRATCH, read_json, write_json
from pipeline.store.manifest import StageMetrics
from train.checkpoints.final_model import WEIGHTS, load_weights
from train.checkpoints.initial import InitialWeights
from train.data.batches import Batch, Concatenation, Examples, validation_shares
from train.data.losses import Loss
from train.data.order import SampleOrder
from train.models import TrainableModel, build_model, count_parameters
from train.optim.kept_zeros import count_zeros
from train.pruning.matrices import matrices
from train.pruning.methods import Calibration, Reader, method_of

AT_ONCE, POLL_SECONDS = 8, 0.5


@dataclass(frozen=True)
class PruningPlan:
    """What is pruned, and what it is measured on."""

    config: PruneConfig
    section: ModelConfig
    """Of the model as it is afterwards."""
    initial: InitialWeights
    train: Mapping[str, Examples]
    validation: Mapping[str, Examples]
    validation_sequences: int | None
    loss: Loss
    seed: int
    on_gpu: bool

    def carry_out(self, context: Context) -> InitialWeights:
        """The pruned weights; the artifact gets `pruning.json`, which says what was done and what it cost."""
        folder = context.folder / SCRATCH / "pruned"
        if context.rank == 0:
            if not folder.is_dir():
                self._write(folder, context)
            facts = read_json(folder / PRUNING_FILE, context.folder)
            write_json(context.folder / PRUNING_FILE, facts)
        while not folder.is_dir():  # where it fails, its launcher ends this rank too
            time.sleep(POLL_SECONDS)
        path = folder / WEIGHTS
        fill = partial(_fill, path=path)
        return replace(self.initial, files=(path,), fill=fill, checkpoint=None)

    def _write(self, folder: Path, context: Context) -> None:
        context.log.info(f"pruning {self.initial.name}: {self.config.summary()}")
        device = torch.device("cuda", 0) if self.on_gpu else torch.device("cpu")
        model = self._whole_model().to(device).eval()
        reader = Reader(self.loss, device)
        facts: dict[str, Any] = {
            "method": self.config.model_dump(mode="json"),
            "summary": self.config.summary(),
        }
        facts |= {"parameters_before": count_parameters(model)}
        if self.validation:
            facts["loss_before"] = reader.mean_loss(model, self._held_out())
        pruned = method_of(self.config).prune(
            self.config, model, self.section, Calibration(list(self._calibration()), reader)
        )
        model = pruned.model.to(device).eval()
        facts |= {"parameters": count_parameters(model), **pruned.facts}
        if self.config.keeps_zeros:
            facts["matrices"] = [matrix.name for matrix in matrices(model)]
        if self.validation:
            facts["loss_after"] = reader.mean_loss(model, self._held_out())
            context.log.info(
                f"validation loss {facts['loss_before']:.4f} before pruning, {facts['loss_after']:.4f} after it"
            )
        scratch = folder.with_name(f"{folder.name}.making")
        scratch.mkdir(parents=True, exist_ok=True)
        unique = {tensor.data_ptr(): name for name, tensor in reversed(model.state_dict().items())}
        state = {
            name: tensor.cpu().contiguous()
            for name, tensor in model.state_dict().items()
            if name in unique.values()
        }
        save_file(state, scratch / WEIGHTS, metadata={"format": "pt"})
        write_json(scratch / PRUNING_FILE, facts)
        durable.publish(scratch, folder)

    def _whole_model(self) -> TrainableModel:
        section = self.section
        if self.config.drops:
            layers = section.model_dump()["layers"] + self.config.drops
            section = section.model_copy(update={"layers": layers})
        model = build_model(section, self.initial.vocab_size)
        self.initial.fill(model)
        return model

    def _calibration(self) -> Iterator[Batch]:
        """Training sequences, drawn by the seed; none where the method looks at none."""
        examples = Concatenation(list(self.train.values()))
        numbers = np.arange(min(getattr(self.config, "samples", 0), len(examples)))
        for samples in np.split(numbers, range(AT_ONCE, len(numbers), AT_ONCE)):
            if len(samples):
                yield examples.collate(SampleOrder(len(examples), self.seed).items(samples), samples)

    def _held_out(self) -> Iterator[Batch]:
        """What a training's validation reads."""
        for part, count in validation_shares(self.validation, self.validation_sequences).items():
            for start in range(0, count, AT_ONCE):
                indices = np.arange(start, min(start + AT_ONCE, count))
                yield self.validation[part].collate(indices, indices)


def pruning_metrics(
    artifact: Path, state: dict[str, Tensor] | None, objective: ObjectiveConfig
) -> StageMetrics:
    """What pruning came to, for the metrics of the stage; nothing where nothing was pruned.

    Args:
        state: the trained weights, on rank 0.
        objective: whose the losses are.
    """
    if not (facts := _facts(artifact)) or state is None:
        return {}
    found: dict[str, float | str | None] = {"pruning": facts["summary"]}
    if names := facts.get("matrices"):
        zeros, weights = count_zeros(state, names)
        found["sparsity"] = zeros / weights
    if "dropped_layers" in facts:
        found["dropped_layers"] = ", ".join(map(str, facts["dropped_layers"]))
    for when in ("before", "after"):
        if (loss := facts.get(f"loss_{when}")) is not None:
            found[f"validation_loss_{when}_pruning"] = loss
            if objective.gives_perplexity:
                found[f"perplexity_{when}_pruning"] = math.exp(min(loss, 50.0))
    return found


def _facts(artifact: Path) -> dict[str, Any]:
    path = artifact / PRUNING_FILE
    return read_json(path, artifact) if path.is_file() else {}


def _fill(model: torch.nn.Module, path: Path) -> None:
    load_weights(model, load_file(path), str(path))
