"""Callbacks of a plugin: where they stand in the order, and what is said where one is of no use."""

import gc
import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from pydantic import ValidationError

from pipeline.config.plugins import load_plugins
from pipeline.config.training import TrainerConfig
from pipeline.errors import Restart, UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_metrics
from tests.train.guard_worker import Poisoned, train


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable:
    """Write a plugin of this test's own that has one callback, `mine`, and load it."""
    monkeypatch.setattr("pipeline.config.plugins._loaded", {})
    name = f"lab_{abs(hash(request.node.name))}"

    def write(code: str) -> None:
        folder = tmp_path / "lab" / name / "callbacks"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        (folder / "__init__.py").touch()
        (folder / "mine.py").write_text(dedent(code))
        monkeypatch.syspath_prepend(tmp_path / "lab")
        load_plugins([name])

    return write


def test_they_see_the_losses_of_a_step_before_its_checkpoint_also_where_training_stops_then(
    tmp_path: Path, bring: Callable
) -> None:
    bring(
        """
        import json, os, signal
        from train.callbacks.after_step import AfterStep
        from pipeline.formats.checkpoints import WRITING

        class Mine(AfterStep):
            def after_step(self, trainer, module):
                step, folder = self.progress.step, self.context.folder
                begun = [path.name for path in folder.glob(f"checkpoints/step-{step:08d}*")]
                losses = [self.progress.train_loss is not None, self.progress.validation_loss is not None]
                with (folder / "seen.jsonl").open("a") as file:
                    file.write(json.dumps([step, trainer.global_step, *losses, begun]) + "\\n")
                if step == 5:
                    os.kill(os.getpid(), signal.SIGTERM)

        build = Mine
        """
    )
    folder, settings = tmp_path / "run", {"callbacks": ["mine"], "validate_every": 2, "micro_batch": 2}
    with pytest.raises(Restart, match="preempted"):
        train(folder, "skip", bad_steps=(), validation_steps=(), **settings)
    seen = [json.loads(line) for line in (folder / "seen.jsonl").read_text().splitlines()]
    # The signal comes when the ranks have agreed on step 5: the next one is the last.
    assert seen == [[step, step, True, step % 2 == 0, []] for step in range(1, 7)]
    assert list_checkpoints(folder)[-1].step == 6


def test_one_that_ends_training_early_makes_no_model(tmp_path: Path, bring: Callable) -> None:
    bring(
        """
        import pytorch_lightning as pl

        class Mine(pl.Callback):
            def on_train_batch_end(self, trainer, *_):
                trainer.should_stop = trainer.global_step == 3

        def build(run):
            return Mine()
        """
    )
    with pytest.raises(UserError, match="training ended after step 3 of 16"):
        train(tmp_path / "run", "skip", bad_steps=(), callbacks=["mine"])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "cannot be imported .*no_such_module"),
        ("", r"has no build; CallbackModule in train\.callbacks\.plugins says what such a module needs"),
        ("def build(run): return 3", "must give a pytorch_lightning.Callback, not int"),
    ],
)
def test_what_is_none_is_one_error(tmp_path: Path, bring: Callable, code: str, words: str) -> None:
    bring(code)
    with pytest.raises(UserError, match=f"trainer.callbacks=mine: .*{words}"):
        train(tmp_path / "run", "skip", bad_steps=(), callbacks=["mine"])


def test_those_of_the_project_cannot_be_named(bring: Callable) -> None:
    with pytest.raises(ValidationError, match="known: none, without a plugin that brings one"):
        TrainerConfig(steps=1, callbacks=["log"])
    bring("")
    with pytest.raises(ValidationError, match=r"known: mine \["):
        TrainerConfig(steps=1, callbacks=["log"])


def test_a_validation_before_the_first_step_changes_nothing_else(tmp_path: Path) -> None:
    quiet = {"bad_steps": (), "validation_steps": (), "steps": 4, "validate_every": 2}
    plain = train(tmp_path / "plain", "skip", **quiet)
    first = train(tmp_path / "first", "skip", validates_first=True, **quiet)
    assert plain.initial_validation_loss is None
    assert first.initial_validation_loss > first.best_validation_loss == plain.best_validation_loss
    assert all(torch.equal(plain.state[name], weights) for name, weights in first.state.items())
    losses = [row["step"] for row in read_metrics(tmp_path / "first") if "validation/loss" in row]
    assert losses == [0, 2, 4]


def test_no_steps_leave_the_weights_as_they_are(tmp_path: Path) -> None:
    result = train(tmp_path / "run", "skip", bad_steps=(), steps=0)
    assert (result.steps, result.tokens, result.train_loss) == (0, 0, None)
    assert all(torch.equal(result.state[name], weights) for name, weights in Poisoned().state_dict().items())
    assert not list_checkpoints(tmp_path / "run")


def test_garbage_is_collected_at_the_steps_that_are_named_and_not_in_between(tmp_path: Path) -> None:
    by_hand = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and not gc.isenabled():
            by_hand.append(info["generation"])

    gc.callbacks.append(note)
    try:
        train(tmp_path, "skip", bad_steps=(), gc_every=5)
    finally:
        gc.callbacks.remove(note)
    assert by_hand == [2, 2, 2]  # all generations, after steps 5, 10 and 15
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
