"""How fast, and at what power, the trainings of a store went: what another one can be expected to do."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError
from pipeline.machine import Machine, describe_machine
from pipeline.store.artifacts import MANIFEST, PARTIAL, read_json
from pipeline.store.manifest import Manifest, figure
from pipeline.text.counts import counted

CLOSEST = 5
"""How many runs tell of another one at most."""


@dataclass(frozen=True)
class Device:
    """What the work is counted on: a GPU or, of CPUs, a machine."""

    name: str
    on_gpu: bool

    @classmethod
    def of(cls, machine: Machine, on_gpu: bool) -> "Device":
        if on_gpu:
            return cls(machine["gpus"][0], True)
        return cls(f"{counted(machine['cores'], 'core')} of {machine['cpu']}", False)


@dataclass(frozen=True)
class EarlierRun:
    """A training that is over."""

    name: str
    stage: str
    device: Device
    precision: str
    flops_per_token: float
    flops_per_second: float
    """Of one device."""
    watts: float | None
    """Of one device; None where it was not measured."""


def this_device(on_gpu: bool) -> Device | None:
    """None where GPUs are meant and there is none here."""
    machine = describe_machine()
    return None if on_gpu and not machine["gpus"] else Device.of(machine, on_gpu)


def earlier_runs(store: Path, stage: str) -> list[EarlierRun]:
    """Of the stage's artifacts in a store, and behind them of those of pretrain: these tell less of its speed, since
    examples of different lengths fill a device less well than sequences that are all alike. Such as say too little are
    left out."""
    found = []
    for each in dict.fromkeys((stage, "pretrain")):
        for path in sorted((store / each).glob(f"*/{MANIFEST}")):
            if not path.parent.name.endswith(PARTIAL):
                with contextlib.suppress(
                    UserError, KeyError, TypeError, IndexError
                ):  # damaged, or of another time
                    found.append(_run(each, read_json(path, path.parent)))
    return [run for run in found if run is not None]


def _run(stage: str, manifest: Manifest) -> EarlierRun | None:
    metrics, config = manifest["metrics"], manifest["config"]
    trainer = config["trainer"] if "trainer" in config else config["finetune"]["trainer"]
    rate, flops, tokens = (figure(metrics, name) for name in ("tokens_per_second", "flops", "tokens"))
    if not rate or not flops or not tokens:
        return None
    on_gpu = trainer["accelerator"] != "cpu" and bool(manifest["hardware"]["gpus"])
    devices = manifest["ranks"] if on_gpu else trainer["nodes"]
    return EarlierRun(
        manifest["run"],
        stage,
        Device.of(manifest["hardware"], on_gpu),
        trainer["precision"],
        flops / tokens,
        rate * flops / tokens / devices,
        figure(metrics, "watts"),
    )


def closest(runs: Sequence[EarlierRun], flops_per_token: float) -> list[EarlierRun]:
    """Those of models whose size is closest to this one's: small ones use a device less well than large ones. Of
    several stages those of the first run's alone."""
    runs = [run for run in runs if run.stage == runs[0].stage]
    return sorted(runs, key=lambda run: abs(math.log(run.flops_per_token / flops_per_token)))[:CLOSEST]
