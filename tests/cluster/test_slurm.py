"""The pipeline on a real SLURM cluster of two nodes: chained jobs, preemption, failing nodes, failing ranks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.checkout import PACKAGES
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.launch.slurm.node_share import NodeShare, node_share
from pipeline.tracking.tracker import METRICS_FILE, read_jsonl, read_metrics
from tests.cluster.conftest import Cluster
from tests.command_line import ROOT, copy_data_stages

pytestmark = pytest.mark.cluster
SETTINGS = ["stage=pretrain", "optim=adamw", "optim.lr=1e-3", "trainer.log_every=1"]
LONG = ["trainer.steps=800", "trainer.validate_every=0", "trainer.checkpoint_every=0"]
TWO_NODES = ["strategy=ddp", "trainer.nodes=2"]


@pytest.fixture
def built(tmp_path: Path, shards: Path) -> Path:
    copy_data_stages(shards, tmp_path)
    return tmp_path


def log_of(folder: Path, job: str, stage: str = "pretrain") -> Path:
    return folder / f"runs/demo/slurm/{stage}-{job}.log"


def partial_of(folder: Path) -> Path | None:
    return next(iter(folder.glob("artifacts/pretrain/*.partial")), None)


def steps_done(folder: Path) -> int:
    """The last step that is logged; 0 before the first."""
    partial = partial_of(folder)
    rows = read_jsonl(partial / METRICS_FILE) if partial else []
    return rows[-1]["step"] if rows else 0


def losses(artifact: Path) -> list[float]:
    return [row["train/loss"] for row in read_metrics(artifact)]


def test_sinfo_tells_the_share_of_a_nodes_gpus(cluster: Cluster) -> None:
    assert node_share("gpu", 4) == NodeShare(cpus=8, megabytes=230_400)
    assert node_share(None, 8) == NodeShare(cpus=16, megabytes=460_800)
    assert node_share("gpu", 9) is None
    assert node_share("nowhere", 1) is None


def test_the_whole_pipeline_runs_as_chained_jobs_and_trains_like_one_process(
    cluster: Cluster, tmp_path: Path, cold_pipeline: Callable, shards: Path
) -> None:
    words = [*SETTINGS[1:], "launcher=slurm", "launcher.partition=gpu", "launcher.data_partition=cpu"]
    words += [*TWO_NODES, "trainer.devices=2"]
    result = cold_pipeline(tmp_path, "stage=report", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = dict(line.split()[:2] for line in result.stdout.splitlines() if ".log" in line)
    assert len(jobs) == 9
    for stage, nodes, place in (("clean", 1, "cpu"), ("pretrain", 2, "gpu")):
        facts = cluster.describe(jobs[stage])
        assert f"NumNodes={nodes} " in facts
        assert f"Partition={place} " in facts
    assert f"{jobs['shards']}, {jobs['tokenizer']}" in result.stdout  # what pretrain comes after
    assert "Report:" in result.stdout
    artifact = tmp_path / "runs/demo/pretrain"
    assert json.loads((artifact / "manifest.json").read_text())["ranks"] == 4
    alone = tmp_path / "alone"
    copy_data_stages(shards, alone)
    assert cold_pipeline(alone, *SETTINGS).returncode == 0
    assert losses(artifact) == pytest.approx(losses(alone / "runs/demo/pretrain"), rel=1e-4)


def test_signals_requeues_and_a_node_that_goes_down_lose_no_step(
    cluster: Cluster,
    built: Path,
    tmp_path_factory: pytest.TempPathFactory,
    shards: Path,
    cold_pipeline: Callable,
) -> None:
    job = cluster.submit(built, *SETTINGS, *LONG, *TWO_NODES)["pretrain"]
    log = log_of(built, job)

    def stopped_and_trains_again(event: Callable[[], None]) -> None:
        starts, resumed = cluster.starts(job), log.read_text().count("continuing from step")
        event()
        cluster.wait_for(lambda: cluster.starts(job) > starts, 60, log)
        cluster.wait_for(lambda: log.read_text().count("continuing from step") > resumed, 120, log)
        before = steps_done(built)
        cluster.wait_for(lambda: steps_done(built) > before + 5, 120, log)

    cluster.wait_for(lambda: steps_done(built) > 20, 120, log)
    folder = partial_of(built)

    # What comes before the time limit, and what preemption with a grace time sends: a checkpoint, and the job queues
    # itself again. The third is SLURM's own way, a SIGTERM and a little time.
    for event in (
        lambda: cluster.cancel("--signal=USR1", job),
        lambda: cluster.cancel("--signal=TERM", job),
        lambda: cluster.control("requeue", job),
    ):
        stopped_and_trains_again(event)
        kept = list_checkpoints(folder)[-1].step
        assert f"stopped at step {kept:,}; " in log.read_text()
        assert f"continuing from step {kept:,}" in log.read_text()
    assert log.read_text().count(f"; job {job} is queued again") == 2
    rows = [row["step"] for row in read_jsonl(folder / METRICS_FILE)]
    assert rows == list(range(1, len(rows) + 1)), "a step was lost or repeated"

    def node_down_and_up() -> None:
        cluster.take_down("node2")
        cluster.wait_for(lambda: cluster.state(job) == "PENDING", 60, log)
        cluster.bring_back("node2")

    stopped_and_trains_again(node_down_and_up)
    assert cluster.wait_for_end(job, log) == "COMPLETED"
    assert folder.with_suffix("").is_dir(), "it went on in another folder"
    alone = tmp_path_factory.mktemp("alone")
    copy_data_stages(shards, alone)
    assert cold_pipeline(alone, *SETTINGS, *LONG).returncode == 0
    assert losses(built / "runs/demo/pretrain") == pytest.approx(
        losses(alone / "runs/demo/pretrain"), rel=1e-3
    )


def test_a_rank_that_dies_ends_its_job_and_is_named(cluster: Cluster, built: Path) -> None:
    job = cluster.submit(built, *SETTINGS, *LONG, *TWO_NODES, "launcher.attempts=1")["pretrain"]
    log = log_of(built, job)
    cluster.wait_for(lambda: steps_done(built), 120, log)
    victim = json.loads((partial_of(built) / "ranks/rank-1.json").read_text())
    os.kill(victim["pid"], signal.SIGKILL)
    assert cluster.wait_for_end(job, log, 120) == "FAILED"
    assert victim["host"] == "node2"
    assert (
        f"rank 1 on node2 (pid {victim['pid']}) failed\n    Killed without a word: killed from"
        in log.read_text()
    )


def test_a_cancelled_job_keeps_a_checkpoint_and_stays_cancelled(cluster: Cluster, built: Path) -> None:
    job = cluster.submit(built, *SETTINGS, *LONG, *TWO_NODES)["pretrain"]
    log = log_of(built, job)
    cluster.wait_for(lambda: steps_done(built) > 5, 120, log)
    cluster.cancel(job)
    cluster.wait_for(lambda: "COMPLETING" not in cluster.describe(job), 60, log)
    assert list_checkpoints(partial_of(built))
    time.sleep(5)
    assert cluster.state(job) == "CANCELLED"
    assert cluster.starts(job) == 0


def test_a_job_that_always_fails_stops_after_three_starts(cluster: Cluster, built: Path) -> None:
    words = [*SETTINGS, *TWO_NODES, "launcher.extra=[--hold]"]
    job = cluster.submit(built, *words)["pretrain"]
    (code,) = built.glob("runs/demo/code-*")
    (code / "train/pretrain.py").write_text(
        "import os\ndef run(config, context):\n"
        "    if context.rank == 1:\n        raise RuntimeError('the sky is falling')\n"
        "    import time; time.sleep(600)\n"
    )
    cluster.control("release", job)
    log = log_of(built, job)
    assert cluster.wait_for_end(job, log, 180) == "FAILED"
    assert cluster.starts(job) == 2
    said = log.read_text()
    assert said.count("rank 1 on node2") == 3
    assert said.count("    RuntimeError: the sky is falling") == 3
    assert "3 launches in a row without a new checkpoint (launcher.attempts=3)" in said


def test_queued_jobs_are_joined_and_immune_to_edits_of_the_checkout(cluster: Cluster, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in (*PACKAGES, "conf", "hydra_plugins"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["stage=download", "launcher.extra=[--hold]"]
    job = cluster.submit(tmp_path, *words, cwd=checkout)["download"]
    assert cluster.submit(tmp_path, *words, cwd=checkout) == {"download": job}, "it was submitted twice"
    for name in ("pipeline/launch/worker.py", "pipeline/launch/slurm/job.py", "data_prep/download.py"):
        (checkout / name).write_text("raise SystemExit('edited')\n")
    cluster.control("release", job)
    assert cluster.wait_for_end(job, log_of(tmp_path, job, "download")) == "COMPLETED"
    assert (tmp_path / "runs/demo/download/manifest.json").is_file()


def test_a_sweep_has_its_jobs_side_by_side(cluster: Cluster, built: Path, cold_pipeline: Callable) -> None:
    words = [
        "optim.lr=1e-3,1e-2",
        "sweep.name=lr",
        "sweep.parallel=2",
        "launcher=slurm",
        "launcher.partition=gpu",
    ]
    result = cold_pipeline(built, "stage=pretrain", "optim=adamw", *words, "--multirun", timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    manifests = [json.loads(path.read_text()) for path in built.glob("runs/lr-*/pretrain/manifest.json")]
    assert sorted(manifest["config"]["optim"]["lr"] for manifest in manifests) == [1e-3, 1e-2]
    assert len(list(built.glob("runs/lr-*/slurm/pretrain-*.log"))) == 2
    assert (built / "runs/sweeps/lr/report.html").is_file()


def test_tasks_that_do_not_fit_the_devices_are_told_at_once(
    cluster: Cluster, built: Path, cold_pipeline: Callable
) -> None:
    words = ["launcher=slurm", "launcher.partition=gpu", "launcher.extra=['--ntasks-per-node=1']"]
    result = cold_pipeline(built, *SETTINGS, "strategy=ddp", "trainer.devices=2", *words, timeout=60)
    assert result.returncode == 2
    assert (
        "the job has 1 task(s) on 1 node(s), but trainer.nodes=1 × trainer.devices=2 needs 2" in result.stdout
    )
    assert "ended FAILED; its log: " in result.stderr


def test_a_planner_started_by_srun_several_times_is_refused(cluster: Cluster) -> None:
    result = subprocess.run(
        ["srun", "--ntasks=2", "--partition=cpu", sys.executable, "-m", "pipeline"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 2
    assert "srun started this 2 times" in result.stderr
