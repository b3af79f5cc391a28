"""Refuses a training run that cannot fit into memory, and names changes that would make it fit."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from train.checkpoints.named_model import NamedModel
from train.memory.predict import Memory, predict, strategy_memory
from train.models import family

_SUGGESTIONS = 4


@dataclass(frozen=True)
class Limit:
    """Memory that there is, in bytes."""

    device: int
    host: int | None
    """For each rank, of this machine's memory, besides a GPU's; None where it is not known."""
    source: str


@dataclass(frozen=True)
class Plan:
    """What decides about a training run's memory."""

    model: ModelConfig
    vocab_size: int
    optim: OptimizerConfig
    trainer: TrainerConfig
    strategy: StrategyConfig
    on_gpu: bool
    masked: bool = False
    """Whether a mask keeps documents apart."""
    lora: LoRAConfig | None = None
    targets: int = 0
    """Tokens that an encoder–decoder writes to an example."""
    teacher: NamedModel | None = None

    def memory(self) -> Memory | None:
        """None where it is not predicted."""
        return predict(
            self.model,
            self.vocab_size,
            self.optim,
            self.trainer,
            self.strategy,
            on_gpu=self.on_gpu,
            masked=self.masked,
            lora=self.lora,
            targets=self.targets,
            teacher=self.teacher,
        )

    def unpredicted(self) -> str:
        """Why memory is not predicted, where it is not."""
        kept = strategy_memory(
            self.model, self.vocab_size, self.optim, self.trainer, self.strategy, self.on_gpu, self.lora
        )
        who = "strategy" if kept is None else "model's family"
        return f"this {who} does not say what it needs"

    def fits(self, limit: Limit) -> bool:
        """Whether it is predicted to fit."""
        memory = self.memory()
        if memory is None:
            return False
        if self.on_gpu:
            host = max(memory.host, memory.start)
            return memory.total <= limit.device and (limit.host is None or host <= limit.host)
        return max(memory.total, memory.start + memory.runtime) <= limit.device

    def changed(self, micro_batch: int | None, **changes: object) -> "Plan":
        trainer = {key: value for key, value in changes.items() if key != "strategy"}
        if micro_batch is not None:
            trainer["micro_batch"] = micro_batch
        strategy = self.strategy
        if "strategy" in changes:
            strategy = StrategyConfig.choose(str(changes["strategy"]))
        return replace(self, trainer=self.trainer.model_copy(update=trainer), strategy=strategy)


def runs_on_gpu(trainer: TrainerConfig) -> bool:
    """Whether training will use GPUs: as asked, or where one is visible here, or its memory was given."""
    if trainer.accelerator == "auto":
        return torch.cuda.device_count() > 0 or trainer.device_memory_gb is not None
    return trainer.accelerator == "gpu"


def known_limit(trainer: TrainerConfig, on_gpu: bool) -> Limit | None:
    """Memory for each rank: as given, or this machine's; None where GPUs are asked for and none is visible."""
    share = _machine_memory() // trainer.devices
    if trainer.device_memory_gb is not None:
        return Limit(int(trainer.device_memory_gb * 1e9), None, "trainer.device_memory_gb")
    if not on_gpu:
        return Limit(
            share,
            None,
            "this machine's memory" + (f" / {trainer.devices} ranks" if trainer.devices > 1 else ""),
        )
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return Limit(properties.total_memory, share, properties.name)


def check(plan: Plan, limit: Limit | None) -> None:
    """Nothing where the run fits, where the limit is not known, or where memory is not predicted.

    Raises:
        UserError: with what is missing and the changes that would make it fit.
    """
    if limit is None or (memory := plan.memory()) is None or plan.fits(limit):
        return
    need, there, of = memory.total, limit.device, limit.source
    if need <= there and limit.host is not None:
        offloaded = memory.host >= memory.start
        what = "offloaded part" if offloaded else "copy of the weights while the model is built"
        need, there = max(memory.host, memory.start), limit.host
        of = f"this machine's memory for each rank's {what}"
    elif need <= there:
        need, of = memory.start + memory.runtime, f"{of}; all weights are there while the model is built"
    largest = f"; most of it: {_largest_parts(memory)}" if need == memory.total else ""
    found = suggestions(plan, limit)
    advice = (
        "any of these fits: " + "; ".join(found)
        if found
        else "no setting of strategy, micro-batch, recomputation or precision does; use more devices or a smaller model"
    )
    raise UserError(
        f"this training run does not fit: each rank needs about {need / 1e9:.1f} GB and has {there / 1e9:.1f} GB "
        f"({of}){largest}; {advice}"
    )


def _largest_parts(memory: Memory) -> str:
    """What most of the device's memory goes to, such as Muon's step, in words."""
    parts = memory.parts
    shown = [
        name for name in sorted(parts, key=parts.__getitem__, reverse=True) if parts[name] > memory.total / 10
    ]
    return ", ".join(f"{name} {parts[name] / 1e9:.1f}" for name in shown)


def suggestions(plan: Plan, limit: Limit) -> list[str]:
    """Changes, as words for the command line, under which the run fits by the same formula; the gentlest first."""
    found: list[str] = []
    simplest: list[dict[str, object]] = []
    for micro_batch, changes in _changes(plan):
        wanted = {**changes, **({} if micro_batch is None else {"micro_batch": 0})}
        if any(other.items() <= wanted.items() for other in simplest):
            continue  # a part of this already suffices
        if plan.changed(micro_batch, **changes).fits(limit):
            simplest.append(wanted)
            words = [] if micro_batch is None else [f"trainer.micro_batch={micro_batch}"]
            words += [_word(key, value) for key, value in changes.items()]
            found.append(" ".join(words))
            if len(found) == _SUGGESTIONS:
                break
    return found


def _changes(plan: Plan) -> Iterator[tuple[int | None, dict[str, object]]]:
    """Combinations from few changes to many; of micro-batches first the largest."""
    trainer, smaller = plan.trainer, _smaller_micro_batches(plan.trainer)
    single: list[dict[str, object]] = []
    if not trainer.activation_checkpointing and family(plan.model).can_recompute_some:
        single.append({"activation_checkpointing": 2})
    if trainer.activation_checkpointing in (False, 2) and family(plan.model).can_recompute:
        single.append({"activation_checkpointing": True})
    if plan.on_gpu and trainer.precision == "fp32":
        single.append({"precision": "bf16"})
    spread: list[dict[str, object]] = [{"strategy": name} for name in _suggested_strategies(plan)]
    for micro_batch in smaller:
        yield micro_batch, {}
    for changes in single + spread:
        yield None, changes
    together: dict[str, object] = {}
    for changes in single:
        together |= changes
        for micro_batch in smaller:
            yield micro_batch, dict(together)
    for changes in (*spread, *(together | changes for changes in spread)):
        for micro_batch in (None, *smaller):
            yield micro_batch, changes


def _suggested_strategies(plan: Plan) -> list[str]:
    """Other strategies that may need less memory, from the one that costs the least communication."""
    choices = StrategyConfig.choices()
    found = [
        name
        for name in choices.keys() - {plan.strategy.choice}
        if choices[name].suggested is not None
        and (plan.lora is None or not choices[name]().lora_problems(plan.lora, "lora"))
        # One GPU has nobody to spread over, but a host to put things on.
        and (plan.trainer.ranks > 1 or (plan.on_gpu and choices[name].offloads))
    ]
    return sorted(found, key=lambda name: (choices[name].suggested, name))


def _smaller_micro_batches(trainer: TrainerConfig) -> list[int]:
    share = trainer.global_batch // trainer.ranks
    now = share // trainer.accumulation
    return [size for size in range(now - 1, 0, -1) if share % size == 0]


def _word(key: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"strategy={text}" if key == "strategy" else f"trainer.{key}={text}"


def _machine_memory() -> int:
    """Bytes; what the container may use, where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        return total if text == "max" else min(total, int(text))
    return total
