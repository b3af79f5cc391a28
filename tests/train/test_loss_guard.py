"""Outliers among steps: which they are, and what becomes of them in a real training run."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.training import LossGuardConfig
from pipeline.errors import Restart
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import BAD_STEPS, POISON, STEPS, Poisoned
from tests.warm.ranks import run_ranks
from train.checkpoints.files import Reader
from train.guards.loss_guard import LossGuard, SkippedData, medians
from train.optim import build_optimizer


def judge(guard: LossGuard, step: int, loss: float, norm: float) -> str | None:
    loss_and_norm = torch.tensor([loss, norm], dtype=torch.float64)
    return guard.note(step, guard.judge(*loss_and_norm).tolist())


def calm(guard: LossGuard, steps: int = 64) -> None:
    for step in range(steps):
        assert judge(guard, step, 3.0 + 0.05 * math.sin(step), 1.0 + 0.3 * math.cos(step)) is None


@pytest.mark.parametrize(
    ("loss", "norm", "words"),
    [
        (math.nan, 1.0, "the loss is nan"),
        (3.0, math.inf, "the gradient norm is inf"),
        (4.5, 1.0, "deviations above"),
        (3.0, 90.0, "times the usual"),
    ],
)
def test_what_is_out_of_line(loss: float, norm: float, words: str) -> None:
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    assert words in judge(guard, 64, loss, norm)
    assert judge(guard, 65, 3.0, 1.0) is None


def test_what_is_not() -> None:
    guard = LossGuard(LossGuardConfig())
    assert judge(guard, 0, 11.0, 500.0) is None  # too early to tell
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    assert judge(guard, 64, 2.0, 0.01) is None  # better than ever
    assert judge(guard, 65, 3.3, 4.0) is None


def test_a_norm_that_is_not_known_is_no_fault() -> None:
    """As under DeepSpeed where a file of the user's has it make none."""
    guard = LossGuard(LossGuardConfig())
    for step in range(64):
        loss = torch.tensor(3.0 + 0.05 * math.sin(step), dtype=torch.float64)
        assert guard.note(step, guard.judge(loss, None).tolist()) is None
    assert "deviations above" in str(guard.note(64, guard.judge(torch.tensor(4.5), None).tolist()))
    assert len(guard.memory()["losses"]) == 64
    assert guard.memory()["norms"] == []


def test_a_rejected_step_does_not_shift_what_is_usual_and_memory_survives() -> None:
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    for step in range(64, 70):
        assert judge(guard, step, 50.0, 1.0) is not None
    again = LossGuard(LossGuardConfig())
    again.remember(guard.memory())
    assert again.rejected == list(range(64, 70))
    assert judge(again, 70, 3.0, 1.0) is None
    assert again.rejected == []


def test_a_norm_that_stays_high_counts_in_the_end() -> None:
    """Else the weights, which stay as they were, would never leave a steep place."""
    guard = LossGuard(LossGuardConfig(patience=3))
    calm(guard)
    told = [str(judge(guard, step, 3.0, 22.0)) for step in range(64, 69)]
    assert [said.endswith("with other data, too") for said in told] == [False] * 3 + [True] * 2
    assert guard.rejected == []
    assert judge(guard, 69, 3.0, 1.0) is None
    judge(guard, 70, 3.0, 22.0)
    assert guard.rejected == [70]  # the next one is judged by itself again


def test_what_is_wrong_besides_a_high_norm_never_counts() -> None:
    guard = LossGuard(LossGuardConfig(patience=3))
    calm(guard)
    for step, (loss, norm) in enumerate([(3.0, 22.0)] * 3 + [(9.0, 22.0)] * 4 + [(3.0, math.inf)], 64):
        assert judge(guard, step, loss, norm) is not None
    assert guard.rejected == list(range(64, 72))


def test_where_training_rolls_back_a_high_norm_never_counts() -> None:
    guard = LossGuard(LossGuardConfig(patience=3, action="rollback"))
    calm(guard)
    for step in range(64, 69):
        judge(guard, step, 3.0, 22.0)
    assert guard.rejected == list(range(64, 69))


def test_a_resume_knows_how_many_norms_were_high() -> None:
    guard = LossGuard(LossGuardConfig(patience=3))
    calm(guard)
    for step in range(64, 66):
        judge(guard, step, 3.0, 22.0)
    again = LossGuard(LossGuardConfig(patience=3))
    again.remember(guard.memory())
    for step in range(66, 69):
        assert judge(again, step, 3.0, 22.0) == judge(guard, step, 3.0, 22.0)
    assert again.rejected == guard.rejected == []


def test_skipped_data_moves_what_comes_after(tmp_path: Path) -> None:
    SkippedData(tmp_path).add(at=10, steps=3)
    SkippedData(tmp_path).add(at=20, steps=2)
    skipped = SkippedData(tmp_path)
    assert [skipped.data_step(step) for step in (0, 9, 10, 19, 20)] == [0, 9, 13, 22, 25]


def on_two_ranks(
    folder: Path, action: str, strategy: str, bad_steps: Sequence[int] = BAD_STEPS, where: str = "host"
) -> str:
    words = (str(folder), action, strategy, ",".join(map(str, bad_steps)), where)
    return run_ranks(2, "tests.train.guard_worker", *words)


def weights(folder: Path, step: int = STEPS) -> torch.Tensor:
    last = list_checkpoints(folder)[-1]
    assert last.step == step
    name = "decoder.model.embed_tokens.weight"
    return Reader(last).weights({name: torch.Size((50, 16))})[name]


@pytest.fixture(scope="module")
def skipping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skipping")
    guard_worker.train(folder, "skip")
    return folder


def test_a_poisoned_step_is_skipped_and_told_of(skipping: Path) -> None:
    assert weights(skipping).isfinite().all()
    last = list_checkpoints(skipping)[-1]
    assert last.optimizer_steps == STEPS - len(BAD_STEPS)
    rows = read_jsonl(skipping / "tables/out_of_line.jsonl")
    assert {row["step"] for row in rows} == {step + 1 for step in BAD_STEPS}
    assert all("nan" in row["reason"] for row in rows)
    assert sum(str(POISON) in row["text"].split() for row in rows) == len(BAD_STEPS)
    told = [row["step"] for row in read_metrics(skipping) if row.get("guard/out_of_line")]
    assert told == [step + 1 for step in BAD_STEPS]


def test_a_run_leaves_a_steep_place(tmp_path: Path) -> None:
    """After as many steps as `patience` says, here two, those count whose gradients alone are too large."""
    guard_worker.train(
        tmp_path, "skip", bad_steps=range(6, 12), factor=1e3, steep=True, guard={"history": 16}
    )
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS - 2
    told = [row["reason"] for row in read_jsonl(tmp_path / "tables/out_of_line.jsonl")]
    by_step = [told[start] for start in range(0, len(told), 4)]
    assert [reason.endswith("with other data, too") for reason in by_step] == [False] * 2 + [True] * 4


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train as on a device that the host would have to wait for."""
    monkeypatch.setattr("train.host.HOSTS", frozenset())


@pytest.mark.usefixtures("apart")
def test_on_a_device_apart_the_weights_are_bitwise_the_same(skipping: Path, tmp_path: Path) -> None:
    guard_worker.train(tmp_path, "skip", log_every=5, checkpoint_every=7)
    assert weights(tmp_path).equal(weights(skipping))
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS - len(BAD_STEPS)
    assert list_checkpoints(tmp_path)[-1].guard == list_checkpoints(skipping)[-1].guard
    told = [read_jsonl(folder / "tables/out_of_line.jsonl") for folder in (tmp_path, skipping)]
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_step_that_is_skipped_on_the_device_changes_nothing(kind: str) -> None:
    model = Poisoned()
    optimizer = build_optimizer(model, OptimizerConfig.choose(kind))

    def step(skipped: bool) -> dict[str, torch.Tensor]:
        optimizer.found_inf = torch.tensor(float(skipped))
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, math.nan if skipped else 0.1)
        optimizer.step()
        states = {
            f"{number} {name}": value
            for number, (_, state) in enumerate(optimizer.state.items())
            for name, value in state.items()
        }
        return {name: value.clone() for name, value in (model.state_dict() | states).items()}

    before = step(skipped=False)
    assert all(torch.equal(value, before[name]) for name, value in step(skipped=True).items())
    assert not any(
        torch.equal(value, before[name]) for name, value in step(skipped=False).items() if "norm" not in name
    )


def test_medians_are_bitwise_the_same_on_a_device_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.randn(60, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows[torch.arange(12) < torch.arange(60)[:, None] % 13] = math.nan
    here = medians(rows)
    monkeypatch.setattr("train.host.HOSTS", frozenset())
    torch.testing.assert_close(medians(rows), here, rtol=0, atol=0, equal_nan=True)
    assert here.isfinite().sum() == 56


class Reads(TorchFunctionMode):
    """Counts what makes the host wait for a value."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function.__name__ in (
            "item",
            "tolist",
            "numpy",
            "cpu",
            "__bool__",
            "__float__",
            "__int__",
            "__index__",
        ):
            self.names[function.__name__] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.usefixtures("apart")
def test_a_step_waits_for_nothing_but_the_finding_of_the_step_before(tmp_path: Path) -> None:
    counts = []
    for steps in (8, 16):
        with Reads() as reads:
            guard_worker.train(
                tmp_path / str(steps),
                "skip",
                bad_steps=(),
                steps=steps,
                log_every=100,
                checkpoint_every=0,
                record_data=False,
            )
        counts.append(reads.names)
    assert counts[1] - counts[0] == {"tolist": 8}


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("log_every", [1, 100])
def test_a_rollback_that_comes_a_step_late_undoes_that_step(tmp_path: Path, log_every: int) -> None:
    settings = {"log_every": log_every, "checkpoint_every": 3}
    with pytest.raises(Restart, match=f"rollback at step {BAD_STEPS[0]}"):
        guard_worker.train(tmp_path, "rollback", **settings)
    assert list_checkpoints(tmp_path)[-1].step == 6
    guard_worker.train(tmp_path, "rollback", **settings)
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero1", "zero2", "zero3"])
@pytest.mark.parametrize("where", ["host", "apart"])
def test_all_ranks_skip_together(skipping: Path, tmp_path: Path, strategy: str, where: str) -> None:
    on_two_ranks(tmp_path, "skip", strategy, where=where)
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS - len(BAD_STEPS)
    torch.testing.assert_close(weights(tmp_path), weights(skipping), atol=1e-5, rtol=1e-4)


def test_a_rollback_leaves_the_windows_out(tmp_path: Path) -> None:
    with pytest.raises(Restart, match="rollback") as told:
        guard_worker.train(tmp_path, "rollback")
    assert told.value.step == BAD_STEPS[0]
    assert list_checkpoints(tmp_path)[-1].step <= BAD_STEPS[0]
    assert SkippedData(tmp_path).rows == [{"at": BAD_STEPS[0], "steps": len(BAD_STEPS)}]
    (tmp_path / "data/rank-0.jsonl").rename(tmp_path / "before.jsonl")
    guard_worker.train(tmp_path, "rollback")
    assert weights(tmp_path).isfinite().all()
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS
    seen = np.concatenate([row["windows"] for row in read_jsonl(tmp_path / "data/rank-0.jsonl")])
    assert not (guard_worker.Rows().ids[seen] == POISON).any()


@pytest.mark.distributed
def test_all_ranks_roll_back_together(tmp_path: Path) -> None:
    assert "rollback" in on_two_ranks(tmp_path, "rollback", "zero2")
    assert "rollback" not in on_two_ranks(tmp_path, "rollback", "zero2")
    assert weights(tmp_path).isfinite().all()
