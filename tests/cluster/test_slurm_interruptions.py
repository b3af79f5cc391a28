"""What ends jobs on a shared cluster, for real: their time limit, and a job of higher priority."""

from pathlib import Path

import pytest

from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import METRICS_FILE, read_jsonl
from tests.cluster.conftest import Cluster
from tests.command_line import OWN, copy_data_stages

pytestmark = pytest.mark.cluster
TRAINING = [
    "stage=pretrain",
    "optim=adamw",
    "optim.lr=1e-3",
    "trainer.log_every=1",
    "trainer.validate_every=0",
]
NO_CHECKPOINTS = "trainer.checkpoint_every=0"
"""But those that an interruption asks for."""


@pytest.fixture
def built(tmp_path: Path, shards: Path) -> Path:
    copy_data_stages(shards, tmp_path)
    return tmp_path


def partial_of(folder: Path) -> Path | None:
    return next(iter(folder.glob("artifacts/pretrain/*.partial")), None)


def steps_logged(folder: Path) -> list[int]:
    rows = read_jsonl(folder / METRICS_FILE) if folder else []
    return [row["step"] for row in rows]


def assert_every_step_once(folder: Path) -> None:
    steps = steps_logged(folder)  # read once: training goes on
    assert steps == list(range(1, len(steps) + 1)), "a step was lost or repeated"


def test_a_job_goes_on_after_its_time_limit(cluster: Cluster, built: Path) -> None:
    words = [
        *TRAINING,
        NO_CHECKPOINTS,
        "trainer.steps=100000",
        "launcher.time=3",
        "launcher.signal_seconds=30",
    ]
    job = cluster.submit(built, *words)["pretrain"]
    log = built / f"runs/demo/slurm/pretrain-{job}.log"
    # SLURM looks twice a minute, and sends the signal up to a minute early: some 90 to 150 s after the start.
    cluster.wait_for(lambda: cluster.starts(job) == 1, 240, log)
    folder = partial_of(built)
    kept = list_checkpoints(folder)[-1].step
    cluster.wait_for(lambda: f"continuing from step {kept:,}" in log.read_text(), 120, log)
    cluster.wait_for(lambda: len(steps_logged(folder)) > kept + 5, 120, log)
    assert_every_step_once(folder)
    cluster.cancel(job)


def test_a_preempted_job_makes_way_and_goes_on_when_the_nodes_are_free(cluster: Cluster, built: Path) -> None:
    words = [*TRAINING, NO_CHECKPOINTS, "trainer.steps=100000", "launcher.partition=gpu"]
    job = cluster.submit(built, *words, "launcher.extra=['--exclusive','--nodelist=node1']")["pretrain"]
    log = built / f"runs/demo/slurm/pretrain-{job}.log"
    cluster.wait_for(lambda: len(steps_logged(partial_of(built))) > 20, 120, log)
    folder = partial_of(built)
    urgent = cluster.batch("--partition=urgent", "--exclusive", "--nodelist=node1", "--wrap=sleep 20")
    cluster.wait_for(lambda: cluster.state(urgent) == "RUNNING", 120, log)
    kept = list_checkpoints(folder)[-1].step
    assert cluster.state(job) == "PENDING"
    assert steps_logged(folder) == list(range(1, kept + 1)), "work was lost"
    cluster.wait_for(lambda: f"continuing from step {kept:,}" in log.read_text(), 180, log)
    cluster.wait_for(lambda: len(steps_logged(folder)) > kept + 5, 120, log)
    assert_every_step_once(folder)
    cluster.cancel(job)


def test_a_data_phase_that_is_told_to_stop_goes_on_behind_its_last_piece(
    cluster: Cluster, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(12):
        words = " ".join(f"word{number}x{i}" for i in range(300))
        text = "\n\n".join(f"Story {n} of file {number}. {words} The end of {n}." for n in range(1000))
        (corpus / f"{number:02d}.txt").write_text(text)
    words = [f"corpus.paths=[{corpus}]", "clean.piece_mb=1", "clean=keep_all", "stage=clean"]
    jobs = cluster.submit(tmp_path, *words, "launcher.array=2", base=OWN)
    job = jobs["clean-extract"]
    log = tmp_path / f"runs/demo/slurm/clean-extract-{job}.log"

    def pieces() -> int:
        return len(list(tmp_path.glob("artifacts/clean/*/scratch/extract/*.json")))

    cluster.wait_for(lambda: pieces() > 2, 120, log)
    cluster.cancel("--signal=USR1", job)
    cluster.wait_for(lambda: "is queued again" in log.read_text(), 60, log)
    assert (
        cluster.wait_for_end(jobs["clean"], tmp_path / f"runs/demo/slurm/clean-{jobs['clean']}.log")
        == "COMPLETED"
    )
    assert "pieces done already" in log.read_text()
    assert (tmp_path / "runs/demo/clean/manifest.json").is_file()
