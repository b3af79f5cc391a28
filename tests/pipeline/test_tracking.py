"""Tracking: what a stage logs is in its folder, and in W&B's own files; trouble with W&B stops nothing."""

import glob
import hashlib
import json
import logging
import math
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from pipeline.config.run import RunConfig
from pipeline.config.trackers.wandb import WandbTracking
from pipeline.errors import UserError
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TrackedStage, read_metrics
from pipeline.tracking.wandb import RUN_ID_FILE, check, is_offline

TRACKED = {
    "stage": "pretrain",
    "fingerprint": "0123456789ab",
    "input_fingerprints": {"shards": "aaaa", "tokenizer": "bbbb"},
    "config": {"optim": {"lr": 0.003}, "seed": 1337},
}


@pytest.fixture(scope="module", autouse=True)
def _own_folders(tmp_path_factory):
    """W&B's own folders, away from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


def test_other_ranks_write_nothing(tmp_path):
    tracker = open_tracker(
        WandbTracking(), RunConfig(runs=str(tmp_path / "runs")), TrackedStage(**TRACKED), tmp_path, rank=1
    )
    tracker.log({"train/loss": 4.0}, 10)
    tracker.table("samples", ["prompt"], [["The"]])
    tracker.finish({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


STAGE = """
import json, sys
from pathlib import Path
from pipeline.config.run import RunConfig
from pipeline.config.trackers.wandb import WandbTracking
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TrackedStage

root, start, stop, failed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "failed"
folder = root / "folder"
folder.mkdir(exist_ok=True)
run = RunConfig(name="trial", runs=str(root / "runs"))
stage = TrackedStage(**json.loads(sys.argv[5]))
tracker = open_tracker(WandbTracking(mode="offline", tags=["a-tag"]), run, stage, folder, 0)
for step in range(start, stop):
    tracker.log({"train/loss": 10.0 - step}, step)
    tracker.log({"validation/loss": 11.0 - step}, step)
tracker.table("samples", ["prompt", "references"], [["The", ["a", "b"]], ["Der", "a"]], step=stop)
print(json.dumps(tracker.identity()))
if failed:
    tracker.alert("trial: pretrain failed", "the disk is full")
else:
    (folder / "report.html").write_text("<p>A page.</p>")
    outputs = {"metrics.jsonl": {"bytes": 7, "sha256": "ab"}, "report.html": {"bytes": 5, "sha256": "cd"}}
    (folder / "manifest.json").write_text(json.dumps({"outputs": outputs}))
tracker.finish({"validation_perplexity": 12.5, "headline": "in words"}, None if failed else folder)
"""


def run_stage(root: Path, start: int, stop: int, end: str = "finished") -> dict:
    """A stage's worth of tracking in a process of its own, as workers are. Returns its identity."""
    command = [sys.executable, "-c", STAGE, str(root), str(start), str(stop), end, json.dumps(TRACKED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1, "W&B talks on its own"
    return json.loads(done.stdout)


@cache
def read_records(segment: Path) -> dict[str, list[dict]]:
    """What W&B itself finds in a run that was kept offline, by type of record."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(segment)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    records: dict[str, list[dict]] = {}
    for record in map(json.loads, lines):
        records.setdefault(record["type"], []).append(record)
    return records


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[dict, dict, list[Path], Path]:
    """A stage that fails after three steps and is started again."""
    root = tmp_path_factory.mktemp("tracked")
    first = run_stage(root, 1, 4, "failed")
    second = run_stage(root, 3, 6)
    return first, second, sorted((root / "runs/trial/wandb").glob("offline-run-*")), root


def test_what_was_kept_offline_holds_group_job_type_and_config(kept):
    _, _, segments, _ = kept
    for segment in segments:
        run = read_records(segment)["run"][0]["run"]
        assert (run["run_group"], run["job_type"], run["display_name"]) == (
            "trial",
            "pretrain",
            "trial-pretrain",
        )
        assert run["tags"] == ["a-tag"]
        config = run["config"]["update"]
        assert config["optim"] == {"lr": 0.003}
        assert config["seed"] == 1337
        assert config["fingerprint"] == "0123456789ab"


def test_what_was_kept_offline_holds_the_metrics_over_time(kept):
    seen = [
        [
            (item["_step"], item["train/loss"], item["validation/loss"])
            for item in history(segment)
            if "train/loss" in item
        ]
        for segment in kept[2]
    ]
    assert seen == [
        [(1, 9.0, 10.0), (2, 8.0, 9.0), (3, 7.0, 8.0)],
        [(3, 7.0, 8.0), (4, 6.0, 7.0), (5, 5.0, 6.0)],
    ]


def history(segment: Path) -> list[dict]:
    return [record["history"]["item"] for record in read_records(segment)["history"]]


def test_a_stage_started_again_continues_the_same_run(kept):
    first, second, segments, root = kept
    assert len(segments) == 2
    assert (
        first
        == second
        == {"backend": "wandb", "id": (root / "folder" / RUN_ID_FILE).read_text(), "url": None}
    )
    assert {read_records(segment)["run"][0]["run"]["run_id"] for segment in segments} == {first["id"]}
    assert [read_records(segment)["exit"][0]["exit"].get("exit_code", 0) for segment in segments] == [1, 0]


def test_the_end_of_a_stage_is_its_summary_and_its_lineage(kept):
    records = read_records(kept[2][1])
    summary: dict = {}
    for record in records["summary"]:
        summary |= record["summary"].get("update", {})
    assert summary["validation_perplexity"] == 12.5
    assert summary["headline"] == "in words"
    outputs = [
        record["artifact"] for record in records["artifact"] if record["artifact"]["type"] == "pretrain"
    ]
    assert [output["name"] for output in outputs] == ["pretrain-0123456789ab"]
    references = [entry.get("ref") for entry in outputs[0]["manifest"]["contents"]]
    assert (kept[3] / "folder" / "metrics.jsonl").as_uri() in references
    assert "contents.json" in [entry["path"] for entry in outputs[0]["manifest"]["contents"]]
    described = json.loads(outputs[0]["metadata"])
    assert (described["files"], described["bytes"]) == (2, 12)
    assert described["sha256"] == hashlib.sha256(b"ab  metrics.jsonl\ncd  report.html\n").hexdigest()
    assert records["config"][-1]["config"]["update"]["inputs"] == TRACKED["input_fingerprints"]
    first = read_records(kept[2][0])
    assert not [r for r in first["artifact"] if r["artifact"]["type"] == "pretrain"], (
        "a failed stage has no output"
    )


def test_a_sweep_has_no_manifest_and_is_kept_all_the_same(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("WANDB_MODE", "offline")
    stage = TrackedStage("sweep", "lr", {"jobs": 2}, {})
    tracker = open_tracker(WandbTracking(), RunConfig(runs=str(tmp_path / "runs")), stage, tmp_path, rank=0)
    (tmp_path / "report.html").write_text("<p>A page.</p>")
    tracker.finish({"best": 1.5}, tmp_path)
    assert caplog.text == ""
    assert tracker.identity()["backend"] == "wandb", "not lost on the way"


def test_pages_go_to_the_run_and_a_failure_is_an_alert(kept):
    failed, finished = (read_records(segment) for segment in kept[2])
    assert failed["alert"][0]["alert"]["title"] == "trial: pretrain failed"
    assert failed["alert"][0]["alert"]["text"] == "the disk is full"
    assert (kept[2][1] / "files/report.html").read_text() == "<p>A page.</p>"
    assert "alert" not in finished


def test_tables_are_sent_whatever_their_columns_hold(kept):
    tables = list(kept[2][1].glob("files/media/table/samples_*.table.json"))
    assert [json.loads(table.read_text())["data"] for table in tables] == [
        [["The", ["a", "b"]], ["Der", "a"]]
    ]


def test_wandb_can_sync_what_was_kept(kept):
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", *map(str, kept[2])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Would sync 2 run(s)" in done.stdout + done.stderr


def test_without_a_place_to_write_training_goes_on(tmp_path, caplog):
    (tmp_path / "runs").write_text("a file where the folder should be")
    run = RunConfig(name="trial", runs=str(tmp_path / "runs"))
    with caplog.at_level(logging.WARNING):
        tracker = open_tracker(WandbTracking(mode="offline"), run, TrackedStage(**TRACKED), tmp_path, 0)
        for step in range(3):
            tracker.log({"train/loss": 4.0}, step)
        tracker.finish({"loss": math.nan}, tmp_path)
    assert len(caplog.records) == 1
    assert "goes without it" in caplog.text
    assert tracker.identity() == {"backend": "none"}
    assert len(read_metrics(tmp_path)) == 3


UNREACHABLE = """
import json, logging, sys
from pathlib import Path
import pipeline.tracking.wandb
from pipeline.config.run import RunConfig
from pipeline.config.trackers.wandb import WandbTracking
from pipeline.tracking.tracker import TrackedStage

logging.basicConfig(format="%(message)s")
pipeline.tracking.wandb.INIT_SECONDS = 1.0
root = Path(sys.argv[1])
run, tracking = RunConfig(name="trial", runs=str(root / "runs")), WandbTracking(mode="online")
tracker = pipeline.tracking.wandb.WandbTracker(root, run, tracking, TrackedStage(**json.loads(sys.argv[2])))
tracker.log({"train/loss": 4.0}, 1)
tracker.finish({}, None)
print(json.dumps(tracker.identity()))
"""


def test_without_the_server_a_stage_is_kept_offline(tmp_path):
    environment = os.environ | {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "a" * 40}
    command = [sys.executable, "-c", UNREACHABLE, str(tmp_path), json.dumps(TRACKED)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=Path(__file__).parents[2]
    )
    assert json.loads(done.stdout)["url"] is None
    assert len(done.stderr.splitlines()) == 1
    (segment,) = (tmp_path / "runs/trial/wandb").glob("offline-run-*")
    program, verb, place = re.findall(r"kept offline; `(.*)` sends it later", done.stderr)[0].split()
    assert shutil.which(program) is not None
    assert verb == "sync"
    assert glob.glob(place) == [str(segment)], "the runs are not where make looks for them"
    assert history(segment)[0]["train/loss"] == 4.0


def test_after_an_error_wandb_is_left_alone(tmp_path):
    code = STAGE.replace(
        "for step in",
        "tracker._run.finish()  # as where its service dies\nimport logging; logging.basicConfig()\nfor step in",
    )
    command = [sys.executable, "-c", code, str(tmp_path), "1", "9", "finished", json.dumps(TRACKED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stderr.count("Weights & Biases") == 1
    assert "only kept in its folder" in done.stderr
    assert len(read_metrics(tmp_path / "folder")) == 8


@pytest.mark.parametrize(
    ("mode", "environment", "offline"),
    [
        ("auto", {}, True),
        ("auto", {"WANDB_API_KEY": "a" * 40}, False),
        ("auto", {"WANDB_API_KEY": "a" * 40, "WANDB_MODE": "offline"}, True),
        ("offline", {"WANDB_API_KEY": "a" * 40}, True),
        ("online", {}, False),
    ],
)
def test_offline_where_there_is_no_key(mode, environment, offline, tmp_path):
    nothing = {"NETRC": str(tmp_path / "absent")}
    assert is_offline(WandbTracking(mode=mode), nothing | environment) is offline


def test_a_key_in_netrc_is_found_for_its_own_host(tmp_path):
    (tmp_path / "netrc").write_text(f"machine wandb.example\n  login user\n  password {'a' * 40}\n")
    environment = {"NETRC": str(tmp_path / "netrc")}
    assert is_offline(WandbTracking(), environment)
    assert not is_offline(WandbTracking(), environment | {"WANDB_BASE_URL": "https://wandb.example/"})


def test_online_without_a_key_is_the_users_mistake(tmp_path):
    nothing = {"NETRC": str(tmp_path / "absent")}
    with pytest.raises(UserError, match="wandb login"):
        check(WandbTracking(mode="online"), nothing)
    check(WandbTracking(mode="online"), nothing | {"WANDB_API_KEY": "a" * 40})


def test_runs_are_sent_only_where_there_is_a_key(tmp_path):
    (tmp_path / "runs/demo/wandb/offline-run-1").mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    found = subprocess.run(
        [sys.executable, "-m", "pipeline.wandb_sync"],
        cwd=tmp_path,
        env={**environment, "NETRC": str(tmp_path / "absent")},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert re.fullmatch(
        r"error: sending runs to Weights & Biases needs a Weights & Biases key, and there is none: run "
        r"`(\S*/)?wandb login`, or set WANDB_API_KEY\n",
        found.stderr,
    )
