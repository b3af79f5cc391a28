"""What launching decides without a cluster: scripts, commands, tasks, and clear refusals."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.launch.commands import check_devices
from pipeline.launch.slurm.client import output_of
from pipeline.launch.slurm.node_share import NodeShare, share_of
from pipeline.launch.slurm.snapshot import snapshot_code
from pipeline.launch.slurm.srun import srun
from pipeline.launch.slurm.submission import render
from pipeline.launch.slurm.task import set_ranks
from pipeline.launch.units import Unit
from pipeline.plan import plan_stages
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Store
from tests.pipeline.test_config import composed


def configured(*overrides: str) -> RootConfig:
    return parse_config(composed("optim=adamw", "strategy=ddp", *overrides))


def stage_specs(root: RootConfig, folder: Path) -> dict[str, StageSpec]:
    return {
        step.stage.name: StageSpec.of(step, root, None)
        for step in plan_stages(root, Store(folder / "artifacts"))
    }


def script(spec: StageSpec, folder: Path) -> str:
    return render(Unit(spec), folder / "settings.yaml", folder / "code")


def test_a_training_script_asks_for_all_that_the_configuration_names(tmp_path: Path) -> None:
    root = configured(
        "launcher=slurm",
        "trainer=gpu",
        "++trainer.nodes=4",
        "++trainer.devices=8",
        "++trainer.global_batch=64",
        "++launcher.partition=gpu",
        "++launcher.account=lab",
        "++launcher.qos=high",
        "++launcher.constraint=h200",
        "++launcher.time='1-00:00:00'",
        "++launcher.mem=200G",
        "++launcher.cpus_per_task=12",
        "++launcher.signal_seconds=300",
        "++launcher.modules=[cuda/12.8]",
        "++launcher.setup=['ulimit -n 4096']",
        "++launcher.extra=['--exclusive']",
    )
    lines = script(stage_specs(root, tmp_path)["pretrain"], tmp_path).splitlines()
    for option in (
        "--requeue", "--job-name=demo-pretrain", "--partition=gpu", "--account=lab", "--qos=high", "--constraint=h200",
        "--time=1-00:00:00", "--mem=200G", "--nodes=4", "--ntasks-per-node=8", "--gpus-per-node=8",
        "--cpus-per-task=12", "--signal=USR1@300", "--exclusive",
    ):  # fmt: skip
        assert f"#SBATCH {option}" in lines
    assert lines.index("module load cuda/12.8") < lines.index("ulimit -n 4096") < len(lines) - 1
    assert lines[-1] == f"exec {sys.executable} -m pipeline.launch.slurm.job {tmp_path}/settings.yaml"


def test_stages_without_a_gpu_go_to_the_data_partition(tmp_path: Path) -> None:
    words = [
        "++launcher.partition=gpu",
        "++launcher.data_partition=cpu",
        "++launcher.data_time=60",
        "finetune=none",
    ]
    stages = stage_specs(configured("launcher=slurm", "trainer=gpu", "++stage=report", *words), tmp_path)
    clean, evaluate = (script(stages[name], tmp_path) for name in ("clean", "evaluate"))
    assert "--partition=cpu\n" in clean
    assert "--gpus-per-node" not in clean
    assert "--time=60\n" in clean
    assert "--partition=gpu\n" in evaluate
    assert "--gpus-per-node=1\n" in evaluate


SINFO = """cpu*|64|256000|(null)
gpu|96+|1031000+|gpu:h100:8(S:0-1)
gpu|128|2063000|gpu:h100:8(S:0-1)
small|16|64000|gpu:2
"""


def test_a_job_asks_for_its_gpus_share_of_a_node(tmp_path: Path) -> None:
    assert share_of("", 1, any_of=True) is None
    share = share_of(SINFO.replace("small|16|64000|gpu:2\n", ""), 4, any_of=True)
    assert share == NodeShare(48, 463950)
    assert share_of(SINFO, 2, any_of=True) == NodeShare(16, 57600), "the smallest node that has as many"
    assert share_of(SINFO, 1, any_of=False) is None, "the default partition has none"
    assert share_of(SINFO, 16, any_of=True) is None
    words = ("launcher=slurm", "trainer=gpu", "++trainer.devices=4")
    unit = Unit(stage_specs(configured(*words), tmp_path)["pretrain"])
    script = render(unit, tmp_path / "pretrain.yaml", Path("/code"), share)
    assert "--cpus-per-task=12\n" in script
    assert "--mem=463950M\n" in script
    mine = ("++launcher.cpus_per_task=3", "++launcher.mem=0")
    unit = Unit(stage_specs(configured(*words, *mine), tmp_path)["pretrain"])
    script = render(unit, tmp_path / "pretrain.yaml", Path("/code"), share)
    assert "--cpus-per-task=3\n" in script
    assert "--mem=0\n" in script


def test_a_container_gets_the_folders_in_use_and_its_own_python(tmp_path: Path) -> None:
    root = configured(
        "launcher=slurm", "++launcher.container=image.sqsh", "++launcher.container_mounts=['/data:/d']"
    )
    environment = {"SLURM_CPUS_PER_TASK": "4"}
    command = srun("pipeline.launch.slurm.task", [str(tmp_path)], root.launcher, environment, ["/store"])
    assert command[:2] == ["srun", "--kill-on-bad-exit=1"]
    assert "--cpus-per-task=4" in command
    assert "--container-image=image.sqsh" in command
    assert "--container-mounts=/store:/store,/data:/d" in command
    assert command[-4:] == ["python3", "-m", "pipeline.launch.slurm.task", str(tmp_path)]


def test_line_breaks_cannot_slip_lines_into_a_script() -> None:
    values = composed("launcher=slurm")
    values["launcher"] |= {"account": "lab\nrm -rf x", "extra": ["--exclusive\nrm -rf x"]}
    with pytest.raises(UserError, match=r"(?s)launcher: account must be written in one line.*extra"):
        parse_config(values)


def test_launchers_that_cannot_reach_the_nodes_are_refused_together() -> None:
    words = ["++trainer.nodes=2", "++finetune.trainer.nodes=2"]
    with pytest.raises(UserError, match=r"(?s)2 problems.*trainer.nodes=2.*finetune.trainer.nodes=2"):
        configured(*words)
    with pytest.raises(UserError, match=r"need a place to meet: launcher.rendezvous=host:port"):
        configured("launcher=torchrun", *words)
    with pytest.raises(UserError, match=r"launcher.rendezvous='node1'"):
        configured("launcher=torchrun", "++launcher.rendezvous=node1")


def test_what_others_need_to_know_of_a_launcher_is_asked_of_its_section() -> None:
    local, torchrun, slurm = (
        configured(f"launcher={kind}").launcher for kind in ("local", "torchrun", "slurm")
    )
    assert [launcher.here for launcher in (local, torchrun, slurm)] == [True, True, False]
    assert [launcher.waits for launcher in (local, torchrun, slurm)] == [True] * 3
    assert not configured("launcher=slurm", "++launcher.wait=false").launcher.waits
    assert slurm.reach_problems(64, "trainer") == local.reach_problems(1, "trainer") == []


def test_tasks_become_torchruns_variables() -> None:
    environment = {"SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_NODEID": "2",
                   "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "4"}  # fmt: skip
    set_ranks(environment)
    names = ("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    assert [environment[name] for name in names] == ["5", "1", "2", "8", "2"]


def test_visible_gpus_are_checked_against_devices() -> None:
    trainer = configured("launcher=slurm", "trainer=gpu", "++trainer.devices=4").trainer
    check_devices(trainer, {"CUDA_VISIBLE_DEVICES": "0,1,2,3"})
    check_devices(trainer, {})
    with pytest.raises(UserError, match=r"CUDA_VISIBLE_DEVICES='0,1' shows 2"):
        check_devices(trainer, {"CUDA_VISIBLE_DEVICES": "0,1"})


def test_a_worker_that_does_not_see_the_folder_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.launch.worker", str(tmp_path / "elsewhere"), "launch"]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"RANK": "3"})
    assert ended.returncode == 2
    assert "rank 3 on " in ended.stderr
    assert "must lie on a filesystem that all nodes share" in ended.stderr


def test_the_snapshot_holds_the_packages_once(tmp_path: Path) -> None:
    code = snapshot_code(tmp_path)
    assert (code / "pipeline/launch/worker.py").is_file()
    assert list((code / "eval/templates").iterdir())
    assert snapshot_code(tmp_path) == code
    assert [path.name for path in tmp_path.iterdir()] == [code.name]


def test_a_job_whose_files_changed_while_it_waited_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("Planned.\n")
    root = configured("experiment=own", "corpus=files", f"corpus.paths=[{path}]", "stage=download")
    spec = stage_specs(root, tmp_path)["download"]
    spec.prepare_folder()
    path.write_text("Edited.\n")
    with pytest.raises(UserError, match="have changed since it was planned; start again"):
        spec.prepare_folder()


def test_paths_of_logs_may_have_spaces_and_percent_signs() -> None:
    shown = "JobId=7 JobName=a b Comment=c StdErr=/my runs/100%/clean-7.log StdIn=/dev/null {}Power= TresPerNode=x"
    path = Path("/my runs/100%/clean-7.log")
    assert output_of(shown.format("StdOut=/my runs/100%/clean-7.log ")) == path
    assert output_of("JobId=7 StdOut=/my runs/100%/clean-7.log\n") == path
    assert output_of(shown.format("")) is None
    unit = Unit(stage_specs(configured("launcher=slurm"), Path("artifacts"))["download"])
    assert '#SBATCH --output="/my runs/100%%/download-%j.log"' in render(
        unit, path.parent / "s.yaml", Path("code")
    )
