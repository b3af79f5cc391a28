"""How many first steps two runs have in common, and which runs are looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config.data import DataConfig
from pipeline.config.schedules import ScheduleConfig
from train.data.mixture import Mixture
from train.data.order import Order, SampleOrder
from train.trunk import Course, start_from_trunk

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
