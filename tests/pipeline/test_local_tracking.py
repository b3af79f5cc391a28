"""What a stage logs is in its folder, and read back from there."""

import logging

from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.tracking import history
from pipeline.tracking.tracker import Tracker, read_jsonl, read_metrics


def test_metrics_are_read_back_by_step(tmp_path):
    tracker = Tracker(tmp_path)
    tracker.log({"train/loss": 4.0}, 10)
    tracker.log({"validation/loss": 4.5}, 10)
    tracker.log({"train/loss": 3.0}, 20)
    tracker.log({"train/loss": 3.9}, 10)  # the stage was killed and did these steps again
    rows = [{key: value for key, value in row.items() if key != "time"} for row in read_metrics(tmp_path)]
    assert rows == [
        {"step": 10, "train/loss": 3.9, "validation/loss": 4.5},
        {"step": 20, "train/loss": 3.0},
    ]


def test_a_line_cut_by_a_kill_is_left_out(tmp_path):
    Tracker(tmp_path).log({"train/loss": 4.0}, 10)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "train/lo')
    assert [row["step"] for row in read_metrics(tmp_path)] == [10]


def test_what_follows_a_cut_line_is_read(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 20, "train/lo')
    Tracker(tmp_path).log({"train/loss": 4.0}, 30)
    assert [row["step"] for row in read_metrics(tmp_path)] == [30]


def test_tables_keep_texts_as_they_are(tmp_path):
    Tracker(tmp_path).table("samples", ["prompt", "continuation"], [["Der ", "Bär\n\u2028\x00 走る"]], step=5)
    assert read_jsonl(tmp_path / "tables" / "samples.jsonl") == [
        {"step": 5, "prompt": "Der ", "continuation": "Bär\n\u2028\x00 走る"}
    ]


def test_work_is_logged_over_time_behind_what_was_logged_before(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(history.time, "monotonic", lambda: now[0])
    for _ in range(2):  # the second start goes on
        context = Context(
            tmp_path, {}, Tracker(tmp_path), logging.getLogger("test"), RunConfig(progress=False)
        )
        with context.progress("shards", 4e6, "MB", 1e6, "tokens") as bar:
            for _ in range(4):
                now[0] += 3
                bar.advance(1e6, 500)
    rows = read_metrics(tmp_path)
    assert [(row["step"], row["shards/MB"], row["shards/tokens"]) for row in rows] == [
        (0, 2.0, 1000),
        (1, 4.0, 2000),
        (2, 2.0, 1000),
        (3, 4.0, 2000),
    ]
    assert rows[0]["shards/tokens_per_second"] == 1000 / 6
