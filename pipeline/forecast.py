"""What a training stage will need, as the stage's own code predicts it, and the refusal of what cannot fit."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.known import Known
from pipeline.plan import PlannedStage
from pipeline.store.artifacts import Artifact, Store
from pipeline.store.manifest import figure


@dataclass(frozen=True)
class Forecast:
    """A training stage before it runs."""

    facts: dict[str, str]
    """What it will do, by name, in words."""
    memory: dict[str, int]
    """Bytes of one rank at the peak of a step, by component; they add up to what its device must hold.
    Empty where it is not predicted."""
    unpredicted: str
    """Why memory is not predicted, in words; empty where it is."""
    host: int
    """Bytes besides, of one rank in the host's memory, where a strategy offloads to it."""
    limit: str
    """What there is, in words."""
    disk: int
    """Bytes of the checkpoints that are kept and of the final model."""
    refusal: str | None
    """Why it cannot run, and what would make it fit; None where it fits, or the limit is not known."""


def forecast_of(
    planned: PlannedStage,
    root: RootConfig,
    found: Mapping[str, Artifact | None],
    known: Known | None = None,
) -> Forecast | None:
    """The forecast of a stage that has one, with what the complete artifacts among `found` tell; None as long as the
    size of the vocabulary is not known, which does not matter to weights that exist. Imports torch.

    Args:
        known: where files are read for the time that the stage will take; None where memory alone is of interest.
    """
    from pipeline.formats.shards import ShardIndex

    assert planned.stage.forecast is not None
    tokenizer, shards = found.get("tokenizer"), found.get("shards")
    found_size = figure(tokenizer.metrics, "vocab_size") if tokenizer else root.tokenizer.expected_size()
    if found_size is None and not root.finetune.replaces_pretraining:
        return None
    module, function = planned.stage.forecast.split(":")
    return getattr(importlib.import_module(module), function)(
        root,
        int(found_size or 0),
        ShardIndex.load(shards.folder).part_tokens("train") if shards else None,
        known,
    )


def refuse_what_cannot_fit(root: RootConfig, plan: Sequence[PlannedStage], store: Store) -> None:
    """Before workers start, or jobs wait in a queue; where the devices' memory was given.

    Where it was not, the workers ask the device themselves, before they build a model.

    Raises:
        UserError: with the changes that would make it fit.
    """
    if root.trainer.device_memory_gb is None:
        return  # asking a device takes seconds of importing torch
    found = {planned.stage.name: store.find(planned.stage.name, planned.fingerprint) for planned in plan}
    for planned in plan:
        if planned.stage.forecast and found[planned.stage.name] is None:
            forecast = forecast_of(planned, root, found)
            if forecast and forecast.refusal:
                raise UserError(forecast.refusal)
