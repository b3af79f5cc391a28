"""`tracking=tensorboard` and `tracking=csv`: what TensorBoard itself finds, and what a spreadsheet reads."""

import csv
import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.config.run import RunConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TrackedStage, Tracker

STAGE = TrackedStage("pretrain", "0123456789ab", {}, {})


@pytest.fixture
def start(tmp_path, request):
    """A stage that begins, or is continued."""
    (tmp_path / "folder").mkdir()

    def begin(backend: str) -> Tracker:
        run = RunConfig(name="trial", runs=str(tmp_path / "runs"))
        return open_tracker(TrackingConfig.choose(backend), run, STAGE, tmp_path / "folder", rank=0)

    return begin


def test_tensorboard_finds_each_step_once_after_a_second_start(start, tmp_path):
    first = start("tensorboard")
    for step in (1, 2, 3):
        first.log({"train/loss": 10.0 - step}, step)
    first.pause()
    second = start("tensorboard")
    assert second.identity() == {"backend": "tensorboard"}
    for step in (3, 4):
        second.log({"train/loss": 5.0 - step}, step)
    second.table("samples", ["prompt", "text"], [["The", "a|b\nc"]], step=4)
    drawn = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(drawn, "png")
    second.image("curve", drawn.getvalue())
    second.finish({"perplexity": 12.5}, tmp_path)
    found = EventAccumulator(str(tmp_path / "runs/trial/tensorboard/pretrain-01234567")).Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/loss")] == [
        (1, 9.0),
        (2, 8.0),
        (3, 2.0),
        (4, 1.0),
    ]
    (samples,) = found.Tensors("samples/text_summary")
    assert samples.tensor_proto.string_val[0].decode().splitlines()[-1] == r"|The|a\|b ⏎ c|"
    (image,) = found.Images("curve")
    assert (image.width, image.height) == (3, 2)
    assert b"12.5" in found.Tensors("summary/text_summary")[0].tensor_proto.string_val[0]


def test_a_spreadsheet_has_a_row_for_each_step(start, tmp_path):
    tracker = start("csv")
    tracker.log({"train/loss": 4.0}, 10)
    tracker.log({"validation/loss": 4.5}, 10)
    tracker.pause()
    start("csv").log({"train/loss": 3.0}, 20)
    tracker.finish({}, None)
    with (tmp_path / "runs/trial/csv/pretrain.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["train/loss"], row["validation/loss"]) for row in rows] == [
        ("10", "4.0", "4.5"),
        ("20", "3.0", ""),
    ]
