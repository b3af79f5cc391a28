"""Runs that diverge: they fail, the checkpoints from before stay, and no model is made of them."""

from pathlib import Path

import pytest

from pipeline.config.training import LossGuardConfig
from pipeline.errors import Restart, UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import STEPS
from tests.train.test_loss_guard import calm, judge, on_two_ranks, weights
from train.guards.loss_guard import LossGuard

FROM_STEP_5 = range(4, STEPS)
"""Counted from 0: all steps from the fifth on are poisoned."""


def fails(folder: Path, words: str, action: str = "skip", **settings: object) -> str:
    with pytest.raises(UserError, match=words) as told:
        guard_worker.train(folder, action, **settings)
    return str(told.value)


def test_a_guard_that_skips_every_step_gives_up(tmp_path: Path) -> None:
    guard = {"give_up_after": 5}
    message = fails(
        tmp_path, r"diverged: up to step 9 .*loss is nan.*give_up_after=5", bad_steps=FROM_STEP_5, guard=guard
    )
    assert "optim.lr" in message
    assert "The checkpoint of step 8 is kept" in message
    assert weights(tmp_path, 8).isfinite().all()
    assert len(read_jsonl(tmp_path / "tables/out_of_line.jsonl")) == 5 * 4
    fails(tmp_path, "up to step 9 ", bad_steps=FROM_STEP_5, guard=guard)  # started again, it comes no further


def test_so_does_one_that_takes_a_new_level_for_a_fault(tmp_path: Path) -> None:
    guard = {"give_up_after": 5, "history": 8}
    words = r"up to step 9 no step counts any more \(the loss .* deviations above .*action=warn"
    fails(tmp_path, words, bad_steps=FROM_STEP_5, factor=1000.0, guard=guard)


def test_one_that_warns_gives_up_only_where_nothing_is_finite(tmp_path: Path) -> None:
    guard = {"give_up_after": 5, "history": 8}
    settings = {"bad_steps": FROM_STEP_5, "guard": guard, "checkpoint_every": 0}
    guard_worker.train(tmp_path / "level", "warn", factor=1000.0, **settings)
    assert "No checkpoint was written before" in fails(
        tmp_path / "nan", "diverged: up to step 9 ", "warn", **settings
    )


@pytest.mark.parametrize("action", ["off", "warn"])
def test_what_is_not_finite_does_not_push_sound_checkpoints_out(action: str, tmp_path: Path) -> None:
    fails(tmp_path, "diverged: after step 8 weights", action, keep_last=1)
    assert weights(tmp_path, 6).isfinite().all()


def test_a_run_that_ends_before_the_guard_gives_up_is_none_that_succeeded(tmp_path: Path) -> None:
    guard = {"give_up_after": 100}
    for _ in range(2):  # also when started again: no checkpoint says that it is done
        fails(
            tmp_path,
            "diverged: the loss of its last 12 steps is not finite",
            bad_steps=FROM_STEP_5,
            guard=guard,
        )
        assert list_checkpoints(tmp_path)[-1].step == STEPS - 2


def test_a_run_whose_validation_loss_is_not_finite_is_none_either(tmp_path: Path) -> None:
    everything = {"validation_steps": (3,), "validation_sequences": None}
    for _ in range(2):
        fails(tmp_path, "at its end the validation loss is nan", bad_steps=(), **everything)
    assert read_metrics(tmp_path)[-1]["step"] == STEPS
    assert list_checkpoints(tmp_path)[-1].step == STEPS - 2


def test_a_bad_last_step_alone_is_no_divergence(tmp_path: Path) -> None:
    result = guard_worker.train(tmp_path, "skip", bad_steps=[STEPS - 1], validation_steps=())
    assert result.best_validation_loss == pytest.approx(result.validation_loss)


def test_rollbacks_come_to_an_end(tmp_path: Path) -> None:
    settings = {"bad_steps": range(4, 90), "guard": {"patience": 2, "give_up_after": 6}}
    for _ in range(2):
        with pytest.raises(Restart, match="rollback at step 4"):
            guard_worker.train(tmp_path, "rollback", **settings)
    fails(tmp_path, "diverged: up to step 6 .*give_up_after=6", "rollback", **settings)
    assert weights(tmp_path, 4).isfinite().all()


def test_the_streak_survives_a_restart() -> None:
    guard = LossGuard(LossGuardConfig(give_up_after=4))
    calm(guard)
    for step in range(64, 67):
        judge(guard, step, float("inf"), 1.0)
    again = LossGuard(LossGuardConfig(give_up_after=4))
    again.remember(guard.memory())
    assert not again.gives_up(0)
    judge(again, 67, float("nan"), 1.0)
    assert again.gives_up(0)
    judge(again, 68, 3.0, 1.0)
    assert not again.gives_up(3)


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero1", "zero3"])
def test_all_ranks_fail_together(strategy: str, tmp_path: Path) -> None:
    told = on_two_ranks(tmp_path, "skip", strategy, FROM_STEP_5)
    assert told.count("diverged: up to step 14 ") == 2
    assert weights(tmp_path, 12).isfinite().all()


@pytest.mark.distributed
@pytest.mark.parametrize(
    "strategy", ["ddp", "fsdp"]
)  # DeepSpeed makes no step of gradients that are not finite
def test_no_rank_writes_what_is_not_finite(strategy: str, tmp_path: Path) -> None:
    assert on_two_ranks(tmp_path, "off", strategy).count("diverged: after step 8 weights") == 2
    assert weights(tmp_path, 6).isfinite().all()
