"""The nine stages through the command line: built once, reused, traceable, and resumed after a kill."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.command_line import OWN, copy_data_stages, kill_after_a_checkpoint

pytestmark = pytest.mark.e2e
STAGES = ("download", "clean", "tokenizer", "shards", "pretrain", "finetune", "evaluate", "export", "report")


@pytest.fixture(scope="module")
def finished(
    shards: Path, pipeline: Callable, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess]:
    """All nine stages."""
    folder = tmp_path_factory.mktemp("finished")
    copy_data_stages(shards, folder)
    return folder, pipeline(folder, "stage=report")


def test_all_nine_stages_run_and_are_summed_up(finished: tuple[Path, subprocess.CompletedProcess]) -> None:
    folder, result = finished
    assert result.returncode == 0, result.stdout + result.stderr
    for stage in STAGES:
        assert (folder / "runs" / "demo" / stage / "manifest.json").is_file()
        assert f"\n{stage} " in result.stdout
    assert "Report:" in result.stdout
    assert "Exported model:" in result.stdout
    assert f"make chat MODEL={folder / 'runs' / 'demo'}" in result.stdout, "which is not below runs/ here"
    assert "pretrained: test perplexity" in result.stdout
    assert "Sample of the pretrained model" in result.stdout
    assert (folder / "runs/demo/report/report.html").stat().st_size > 10_000
    assert (folder / "runs/demo/export/model/model.safetensors").is_file()


def test_running_again_reuses_everything(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable
) -> None:
    folder, _ = finished
    result = pipeline(folder, "stage=report", timeout=30)
    assert result.returncode == 0
    assert result.stdout.count("reused") == len(STAGES)


def test_a_changed_setting_rebuilds_what_depends_on_it(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable
) -> None:
    folder, _ = finished
    result = pipeline(folder, "stage=tokenizer", "tokenizer.vocab_size=380", "run.name=changed")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("reused") == 2
    assert len(list((folder / "artifacts" / "tokenizer").glob("*-*"))) == 2


def test_every_artifact_names_its_inputs_outputs_and_code(
    finished: tuple[Path, subprocess.CompletedProcess],
) -> None:
    folder, _ = finished
    manifests = {s: json.loads((folder / "runs/demo" / s / "manifest.json").read_text()) for s in STAGES}
    for stage, manifest in manifests.items():
        for name, fingerprint in manifest["input_fingerprints"].items():
            assert manifests[name]["fingerprint"] == fingerprint
        assert manifest["packages"]["torch"]
        for name, output in manifest["outputs"].items():
            path = folder / "runs/demo" / stage / name
            assert path.stat().st_size == output["bytes"]


def test_a_training_tells_what_it_cost_and_the_next_one_is_forecast_from_it(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable
) -> None:
    folder, _ = finished
    manifest = json.loads((folder / "runs/demo/pretrain/manifest.json").read_text())
    metrics = manifest["metrics"]
    assert 0 < metrics["hours"] * 3600 < manifest["seconds"]
    assert ("kwh" in metrics) == (not metrics["energy"].startswith("not measured"))
    words = ["stage=pretrain", "seed=3", "dryrun=true", "run.name=again", "run.cost.price=3600"]
    text = " ".join(pipeline(folder, *words).stdout.split())
    assert "as 1 earlier run of pretrain had (demo), of models that take as many FLOPs per token" in text
    assert "machine-hours" in text
    assert "at 3600 an hour" in text
    page = (folder / "runs/demo/report/report.html").read_text()
    assert "What it cost" in page


def test_a_short_training_keeps_the_loss_of_every_step(
    finished: tuple[Path, subprocess.CompletedProcess],
) -> None:
    training = finished[0] / "runs/demo/pretrain"
    losses = {row["step"]: row["loss"] for row in read_jsonl(training / "tables/losses.jsonl")}
    assert list(losses) == list(range(1, 13))
    logged = {row["step"]: row["train/loss"] for row in read_metrics(training) if "train/loss" in row}
    assert logged[1] == pytest.approx(losses[1])
    assert logged[10] == pytest.approx(sum(losses[step] for step in range(2, 11)) / 9)


def test_a_fine_tuning_is_forecast_by_its_examples_and_the_run_before(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable
) -> None:
    folder, _ = finished
    again = ["stage=finetune", "finetune.optim.lr=1e-4", "run.name=again", "dryrun=true"]
    forecast = pipeline(folder, *again).stdout
    text = " ".join(forecast.split())
    metrics = json.loads((folder / "runs/demo/finetune/manifest.json").read_text())["metrics"]
    epochs = 3 * 4 / metrics["examples"]
    assert f"{epochs:.2f} epochs of {metrics['examples']:,} examples" in text
    told = int(text.split(" epochs of ")[0].split("tokens ")[-1].split(",")[0].replace(",", ""))
    assert told == metrics["tokens"]
    assert "seconds of steps" in text
    assert "as 1 earlier run of finetune had (demo)" in text


def test_a_killed_training_resumes_to_bitwise_the_same_weights(
    finished: tuple[Path, subprocess.CompletedProcess], shards: Path, pipeline: Callable, tmp_path: Path
) -> None:
    folder, _ = finished
    copy_data_stages(shards, tmp_path)
    kill_after_a_checkpoint(tmp_path, "trainer.checkpoint_every=1")
    result = pipeline(tmp_path, "stage=pretrain")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "continuing from step" in result.stdout
    resumed = load_file(tmp_path / "runs/demo/pretrain/model/model.safetensors")
    straight = load_file(folder / "runs/demo/pretrain/model/model.safetensors")
    assert all((resumed[name] == straight[name]).all() for name in straight)


def test_a_tokenizer_that_was_changed_is_refused(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable, tmp_path: Path
) -> None:
    folder, _ = finished
    copy_data_stages(folder, tmp_path)
    for path in tmp_path.glob("artifacts/tokenizer/*/tokenizer/tokenizer.json"):
        path.write_text(path.read_text() + "\n")
    result = pipeline(tmp_path, "stage=pretrain")
    assert result.returncode == 2
    assert "tokenizer/tokenizer.json has" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_damaged_shard_is_found_before_training(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable, tmp_path: Path
) -> None:
    folder, _ = finished
    copy_data_stages(folder, tmp_path)
    path = next(tmp_path.glob("artifacts/shards/*/train-00000.bin"))
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    result = pipeline(tmp_path, "stage=pretrain")
    assert result.returncode == 2
    assert "train-00000.bin has other content than was written" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(
    finished: tuple[Path, subprocess.CompletedProcess], pipeline: Callable, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        result = pipeline(small, "stage=clean")
        assert result.returncode == 2
        assert "disk is full" in result.stdout + result.stderr
        assert "Traceback" not in result.stdout + result.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_place_that_must_not_be_written_is_said_in_one_line(pipeline: Callable) -> None:
    result = pipeline(Path("/sys/kernel"), "stage=download")  # not even root may
    assert result.returncode == 2
    assert re.fullmatch(r"error: /sys/kernel/\w+: .*; change its permissions .*\n", result.stderr)


def test_a_file_in_the_place_of_a_folder_is_said_in_one_line(pipeline: Callable, tmp_path: Path) -> None:
    (tmp_path / "artifacts").touch()
    result = pipeline(tmp_path, "stage=download")
    assert result.returncode == 2
    assert re.fullmatch(
        r"error: .*/artifacts\S*: a file stands where a folder is needed; .*\n", result.stderr
    )


def test_a_corpus_that_was_moved_is_cleaned_again_by_what_the_message_says(
    pipeline: Callable, tmp_path: Path
) -> None:
    sentences = [f"Sentence {n} of this corpus is about the number {n * 7}." for n in range(500)]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.txt").write_text("\n\n".join(" ".join(sentences[i:]) for i in range(0, 500, 50)))
    words = ["stage=clean", "clean.workers=1"]
    assert pipeline(tmp_path, *words, f"corpus.paths=[{tmp_path / 'old'}]", base=OWN).returncode == 0
    (tmp_path / "old").rename(tmp_path / "new")
    words += [f"corpus.paths=[{tmp_path / 'new'}]", "clean.filters.min_chars=300"]
    result = pipeline(tmp_path, *words, base=OWN)
    assert result.returncode == 2
    shutil.rmtree(re.search(r"old/a\.txt is gone; .* or delete (\S+), which names it", result.stdout)[1])
    assert pipeline(tmp_path, *words, base=OWN).returncode == 0
