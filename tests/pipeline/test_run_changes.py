"""A start that makes other artifacts under the name of a run that is there says so before it builds anything."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.plan import plan_stages
from pipeline.planner import execute, shown_settings
from pipeline.run_changes import changes, last_settings
from pipeline.store.artifacts import Store
from tests.pipeline.test_preflight import configured


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., RootConfig]:
    """The configuration of a start on some notes, below the test's folder."""

    def configure(*words: str) -> RootConfig:
        places = (f"run.runs={tmp_path / 'runs'}", "tracking.backend=none")
        return configured(tmp_path, *places, "stage=shards", *words)

    return configure


def left_by(root: RootConfig, *further: str) -> None:
    """What the run's folder holds when such a start has ended."""
    store = Store(Path(root.run.artifacts))
    root.run.folder.mkdir(parents=True)
    (root.run.folder / "config.yaml").write_text(yaml.safe_dump(shown_settings(root)))
    prints = {}
    for planned in plan_stages(root, store):
        folder = store.root / planned.stage.name / f"demo-{planned.fingerprint}"
        folder.mkdir(parents=True)
        (root.run.folder / planned.stage.name).symlink_to(folder)
        prints[planned.stage.name] = planned.fingerprint
    for stage in further:
        folder = store.root / stage / "demo-5"
        folder.mkdir(parents=True)
        spec = {"stage": stage, "plugins": [], "config": {}, "input_fingerprints": prints}
        (folder / "stage.yaml").write_text(yaml.safe_dump(spec))
        (root.run.folder / stage).symlink_to(folder)


def told(root: RootConfig) -> list[str]:
    plan = plan_stages(root, Store(Path(root.run.artifacts)))
    return list(changes(root, plan, last_settings(root.run.folder), shown_settings(root)))


def test_the_same_start_again_has_nothing_to_tell(start: Callable[..., RootConfig]) -> None:
    assert told(start()) == []
    left_by(start())
    assert told(start()) == []
    assert told(start("trainer.steps=7", "launcher.attempts=3")) == [], "no stage of this start sees it"


def test_other_settings_are_told_with_the_links_that_move_and_those_that_stay(
    start: Callable[..., RootConfig],
) -> None:
    left_by(start(), "pretrain", "report")
    stale, kept = told(start("tokenizer.vocab_size=300", "trainer.steps=7"))
    assert "otherwise before: tokenizer.vocab_size 4096 → 300 and trainer.steps 500 → 7. Its links" in stale
    assert "in place of tokenizer (demo-" in stale
    assert "download" not in stale
    assert kept.startswith(
        "its pretrain and report stay as before, made from what was: stage=report brings all"
    )


def test_another_run_that_was_started_last_may_be_meant(
    start: Callable[..., RootConfig], tmp_path: Path
) -> None:
    """As where EXP=own was forgotten."""
    left_by(start())
    (tmp_path / "runs" / "mine").mkdir()
    command = "python -m pipeline experiment=mine corpus.paths=[notes] stage=report"
    (tmp_path / "runs" / "mine" / "config.yaml").write_text(yaml.safe_dump({"run": {"command": command}}))
    *_, last = told(start("tokenizer.vocab_size=300"))
    assert last == (
        "should mine be meant, the run that was started last: "
        'make shards EXP=mine ARGS="corpus.paths=[notes] run.name=mine"'
    )
    named = start("tokenizer.vocab_size=300", "run.command='python -m pipeline experiment=own'")
    assert len(told(named)) == 1, "EXP=own was given"


def test_a_start_that_is_refused_leaves_the_record_alone(
    start: Callable[..., RootConfig], tmp_path: Path
) -> None:
    """By its plan, which misses a file, and by what is checked before anything runs."""
    record = start().run.folder / "config.yaml"
    record.parent.mkdir(parents=True)
    record.write_text(before := "run: {command: python -m pipeline experiment=own seed=9}\n")
    examples = tmp_path / "examples.jsonl"
    examples.write_text('{"q": "q"}\n')
    for words, why in {
        ("corpus.paths=[/no/such/notes]",): "/no/such/notes",
        ("stage=finetune", "finetune.task=instruct", f"finetune.data.train={examples}"): "would fail",
    }.items():
        refused = start(*words)
        with pytest.raises(UserError, match=why):
            execute(refused, lambda words: None)
        assert record.read_text() == before
    unknown = start("run.name=another", "corpus.paths=[/no/such/notes]")
    with pytest.raises(UserError):
        execute(unknown, lambda words: None)
    assert not unknown.run.folder.exists()


def test_what_is_there_already_is_told_before_the_rest_is_built(start: Callable[..., RootConfig]) -> None:
    root, said = start("stage=clean"), list[str]()
    execute(start("stage=download"), said.append)
    assert "run       | 1 of 2 stages are there already: download" not in said
    execute(root, said.append)
    assert "run       | 1 of 2 stages are there already: download" in said


def test_it_is_told_before_anything_is_built(start: Callable[..., RootConfig]) -> None:
    left_by(start())
    said: list[str] = []

    def announce(words: str) -> None:
        said.append(words)
        raise UserError("enough")

    with pytest.raises(UserError, match="enough"):
        execute(start("tokenizer.vocab_size=300"), announce)
    assert said[0].startswith(
        "run       | the run own was started otherwise before: tokenizer.vocab_size 4096 → 300."
    )
