"""`tracking=tensorboard` and `tracking=csv`: what TensorBoard itself finds, and what a spreadsheet reads."""

import csv
import io

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.config.run import RunConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TrackedStage, Tracker, read_metrics

STAGE = TrackedStage("pretrain", "0123456789ab", {}, {})


@pytest.fixture
def start(tmp_path, request):
    """A stage that begins, or is continued."""
    (tmp_path / "folder").mkdir()

    def begin(backend: str, stage: TrackedStage = STAGE) -> Tracker:
        run = RunConfig(name="trial", runs=str(tmp_path / "runs"))
        return open_tracker(TrackingConfig.choose(backend), run, stage, tmp_path / "folder", rank=0)

    return begin


def red_square() -> bytes:
    """Three pixels wide, two high."""
    drawn = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(drawn, "png")
    return drawn.getvalue()


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
    second.image("curve", red_square())
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


@pytest.mark.parametrize("backend", ["tensorboard", "csv"])
def test_trouble_with_a_place_stops_no_stage_and_is_told_once(backend, start, tmp_path, caplog):
    (tmp_path / "runs" / "trial").mkdir(parents=True)
    (tmp_path / "runs" / "trial" / backend).write_text("no folder can be made here")
    tracker = start(backend)
    for step in (1, 2):
        tracker.log({"train/loss": 4.0}, step)
    tracker.table("samples", ["text"], [["a"]], step=2)
    tracker.finish({"perplexity": 12.5}, tmp_path / "folder")
    (message,) = caplog.messages
    assert "from here on this stage is only kept in its folder" in message
    assert [row["step"] for row in read_metrics(tmp_path / "folder")] == [1, 2]


def test_mlflow_finds_each_step_once_after_a_second_start(start, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    settings = STAGE._replace(config={"optim": {"lr": 0.003}, "seed": 1})
    first = start("mlflow", settings)
    for step in (1, 2, 3):
        first.log({"train/loss": 10.0 - step}, step)
    first.pause()
    second = start("mlflow", settings)
    assert second.identity() == first.identity()
    for step in (3, 4):
        second.log({"train/loss": 10.0 - step}, step)
    second.table("samples", ["prompt", "text"], [["The", "a|b"]], step=4)
    second.image("curve", red_square())
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "card.md").write_text("A card.")
    second.finish({"perplexity": 12.5, "headline": "in words"}, tmp_path / "artifact")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lm-workflow")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("trial-pretrain", "FINISHED")
    assert run.data.params == {"optim.lr": "0.003", "seed": "1"}
    assert run.data.metrics["summary/perplexity"] == 12.5
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted((each.step, each.value) for each in history) == [(1, 9.0), (2, 8.0), (3, 7.0), (4, 6.0)]
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names == {"samples", "curve.png", "card.md"}


def test_trackio_finds_each_step_once_after_a_second_start(start, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "runs" / "trackio"))
    trackio = pytest.importorskip("trackio", reason="trackio is not installed")
    for steps in ((1, 2, 3), (3, 4)):
        tracker = start("trackio")
        for step in steps:
            tracker.log({"train/loss": 10.0 - step}, step)
        tracker.pause()
    rows = trackio.SQLiteStorage.get_logs("lm-workflow", "trial-pretrain-01234567")
    assert [(row["step"], row["train/loss"]) for row in rows] == [(1, 9.0), (2, 8.0), (3, 7.0), (4, 6.0)]
