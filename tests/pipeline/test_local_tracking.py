"""What a stage logs is in its folder, and read back from there."""

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
