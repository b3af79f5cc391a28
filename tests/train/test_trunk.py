"""How many first steps two runs have in common, and which runs are looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.data import DataConfig
from pipeline.config.schedules import ScheduleConfig
from train.data.mixture import Mixture
from train.data.order import Order, SampleOrder
from train.trunk import Course, _why_not, start_from_trunk

SAME = SampleOrder(1000, seed=0)


def course(name: str, steps: int, order: Order = SAME, **settings: float) -> Course:
    return Course(ScheduleConfig.choose(name, **settings), steps, order, global_batch=4)


@pytest.mark.parametrize(
    ("mine", "theirs", "common"),
    [
        (course("constant", 200, warmup=5), course("constant", 100, warmup=5), 100),
        (course("constant", 100, warmup=5), course("constant", 200, warmup=5), 100),
        (course("constant", 200, warmup=5), course("constant", 100, warmup=6), 0),
        (course("wsd", 200, warmup=5, decay=0.2), course("wsd", 100, warmup=5, decay=0.2), 81),
        (course("wsd", 100, warmup=5, decay=0.2), course("constant", 100, warmup=5), 81),
        (course("cosine", 200, warmup=5), course("cosine", 100, warmup=5), 6),
    ],
)
def test_steps_are_common_as_long_as_the_rates_agree(mine: Course, theirs: Course, common: int) -> None:
    assert mine.common_steps(theirs) == theirs.common_steps(mine) == common


def test_what_is_another_is_told_with_where_it_begins() -> None:
    mine, theirs = course("linear", 200, warmup=0.05), course("linear", 100, warmup=0.05)
    said = _why_not("base-1", mine.common_steps(theirs), mine.differs_in(theirs), 50)
    assert said == (
        "base-1 differs only in how far it goes, but its learning rate (schedule=linear) is another one from the first "
        "step on: this run starts at step 1"
    )
    mine, theirs = course("cosine", 200, warmup=5), course("cosine", 100, warmup=5)
    said = _why_not("base-1", mine.common_steps(theirs), mine.differs_in(theirs), 50)
    assert "is another one after 6 common steps, and its first checkpoint is of step 50" in said
    other = Mixture(DataConfig.model_validate({"weights": {"a": 3, "b": 1}}), {"a": 500, "b": 300}, 64)
    mixed = course("constant", 100, other.order(100, 4, 0), warmup=5)
    assert mixed.differs_in(course("constant", 100, warmup=5)) == "the order of its data"


def test_and_as_long_as_the_phases_of_the_data_agree() -> None:
    phases = [{"until": 0.5, "weights": {"a": 3, "b": 1}}, {"weights": {"a": 1, "b": 1}}]
    mixture = Mixture(DataConfig.model_validate({"phases": phases}), {"a": 500, "b": 300}, 64)
    long, short = (course("constant", n, mixture.order(n, 4, 0), warmup=5) for n in (200, 100))
    assert long.common_steps(short) == 50
    assert long.common_steps(course("constant", 100, warmup=5)) == 0


@pytest.mark.parametrize("spec", [b"", b"trunk: [", b"\xff", b"- a", b"trunk: t\nconfig: {model: 1}"])
def test_the_damaged_specs_of_other_runs_stop_nobody(
    spec: bytes, make_context: Callable, tmp_path: Path
) -> None:
    context = make_context(tmp_path / "mine")
    (context.folder / "stage.yaml").write_text("trunk: t\nconfig: {}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "stage.yaml").write_bytes(spec)
    (tmp_path / "ended").mkdir()
    (tmp_path / "ended" / "stage.yaml").symlink_to(tmp_path / "gone")  # listed, and not there to be read
    start_from_trunk(context, course("constant", 10), lambda config: course("constant", 5))
    assert not (context.folder / "checkpoints").exists()
