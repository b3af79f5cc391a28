"""The page of a run while it is made."""

import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.watch import WatchSettings, find_run_folder, live_page, open_server
from pipeline.config.run import RunConfig
from pipeline.errors import UserError
from pipeline.store.artifacts import finish
from pipeline.tracking.tracker import Tracker

MANIFEST: Any = {
    "stage": "any",
    "config": {},
    "metrics": {},
    "inputs": {},
    "seconds": 1.0,
    "finished": "2026-01-31T12:00:00Z",
    "host": "node-1",
    "hardware": {},
    "python": "3.11.7",
    "packages": {},
    "git_commit": None,
    "tracking": {"backend": "none"},
}
RATE = {"optim": {"name": "adamw", "lr": 0.1}, "schedule": {"name": "constant", "warmup": 2}}


def spec(
    root: Path, folder: Path, stage: str, fingerprint: str, config: dict | None = None, **inputs: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "stage": stage,
        "fingerprint": fingerprint,
        "input_fingerprints": inputs,
        "config": config or {},
        "run": {"name": "trial"},
    }
    (folder / "stage.yaml").write_text(yaml.safe_dump(values))


def finished(root: Path, stage: str, fingerprint: str, **inputs: str) -> None:
    folder = root / "artifacts" / stage / f"trial-{fingerprint}.partial"
    spec(root, folder, stage, fingerprint, **inputs)
    (root / "runs/trial" / stage).symlink_to(finish(folder, MANIFEST))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose tokenizer is made, that pretrains, and that was fine-tuned from another pretraining before."""
    folder = tmp_path / "runs/trial"
    folder.mkdir(parents=True)
    section = RunConfig(name="trial", artifacts=str(tmp_path / "artifacts"), runs=str(tmp_path / "runs"))
    (folder / "config.yaml").write_text(yaml.safe_dump({"run": section.model_dump(mode="json")}))
    finished(tmp_path, "tokenizer", "aaaa")
    finished(tmp_path, "finetune", "cccc", pretrain="of-another-day", tokenizer="aaaa")
    partial = tmp_path / "artifacts/pretrain/trial-bbbb.partial"
    spec(tmp_path, partial, "pretrain", "bbbb", RATE, tokenizer="aaaa")
    for step in (1, 2, 3):
        Tracker(partial).log({"train/loss": 5.0 - step, "train/lr": 0.1}, step)
    (partial / "ranks").mkdir()
    (partial / "ranks/rank-0.beat").write_text("step 3")
    return folder


def test_the_stage_at_work_is_shown_with_what_it_has_done(run):
    page = live_page(run, WatchSettings())
    assert "pretrain: step 3" in page
    assert "being trained from scratch" in page
    assert 'aria-label="Pretraining: Loss"' in page
    assert 'http-equiv="refresh" content="10"' in page


def test_what_was_made_of_other_inputs_is_left_out(run):
    page = live_page(run, WatchSettings())
    assert "tokenizer" in page
    assert "Fine-tuning" not in page


def test_a_stage_that_gives_no_sign_of_life_is_said_to_be_silent(run):
    beat = next(run.parents[1].glob("artifacts/pretrain/*/ranks/rank-0.beat"))
    os.utime(beat, (time.time() - 300, time.time() - 300))
    assert "silent for 5 min 0 s, last: step 3" in live_page(run, WatchSettings())


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    server = open_server(run, WatchSettings(port=0))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    assert host == "127.0.0.1"
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    server.server_close()


def test_each_request_gets_the_run_as_it_stands(run, address):
    def page() -> str:
        with urllib.request.urlopen(f"{address}/", timeout=60) as answer:
            return answer.read().decode()

    assert "pretrain: step 3" in page()
    next(run.parents[1].glob("artifacts/pretrain/*/ranks/rank-0.beat")).write_text("step 9")
    assert "pretrain: step 9" in page()


@pytest.mark.parametrize(("path", "status"), [("/../config.yaml", 404), ("/report", 404)])
def test_nothing_else_is_served(address, path, status):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}{path}", timeout=60)
    assert error.value.code == status


def test_a_damaged_run_is_told_and_the_page_tries_again(run, address):
    (run / "config.yaml").write_text("run: 7")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{address}/", timeout=60)
    body = error.value.read().decode()
    assert error.value.code == 503
    assert "is no configuration of a run" in body
    assert "refresh" in body


def test_the_newest_run_is_watched_where_none_is_named(run):
    other = run.parent / "older"
    other.mkdir()
    (other / "config.yaml").write_text("run: {}")
    os.utime(other / "config.yaml", (0, 0))
    assert find_run_folder(None, run.parent) == run
    assert find_run_folder("older", run.parent) == other
    with pytest.raises(UserError, match=r"no run 'Trail' .*; did you mean trial\?"):
        find_run_folder("Trail", run.parent)
    with pytest.raises(UserError, match=r"no run 'another' .*; runs there: trial, older"):
        find_run_folder("another", run.parent)


def test_a_port_in_use_is_told(address, run):
    port = int(address.rpartition(":")[2])
    with pytest.raises(UserError, match=rf"port {port} cannot be used .*port={port + 1}"):
        open_server(run, WatchSettings(port=port))
