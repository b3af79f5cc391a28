"""Artifacts: complete or absent, addressed by what made them, built once."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.stages import DownloadStage, PretrainStage
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.store.artifacts import Store, finish


def download_of(path: Path) -> DownloadStage:
    return DownloadStage(corpus=FilesCorpus(paths=[str(path)]))


def test_fingerprint_follows_content_not_place(tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    for folder, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "text.txt").write_text(text)
    prints = [fingerprint("download", 1, download_of(tmp_path / f / "text.txt"), {}, hashes) for f in "abc"]
    assert prints[0] == prints[1] != prints[2]


def test_fingerprint_sees_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("before")
    first = fingerprint("download", 1, download_of(path), {}, FileHashes(tmp_path / "hashes.json"))
    path.write_text("after!")
    assert fingerprint("download", 1, download_of(path), {}, FileHashes(tmp_path / "hashes.json")) != first


def pretrain(trainer: dict, strategy: str = "single", seed: int = 1) -> PretrainStage:
    return PretrainStage(
        seed=seed,
        data={},
        model={"family": "decoder"},
        objective={"name": "causal"},
        optim={"name": "adamw"},
        schedule={"name": "cosine"},
        trainer=TrainerConfig(**{"steps": 10} | trainer),
        strategy=StrategyConfig.choose(strategy),
    )


@pytest.mark.parametrize("neutral", [{"devices": 2}, {"log_every": 3}, {"micro_batch": 4}, {"workers": 2}])
def test_fields_that_do_not_change_the_result_do_not_change_the_fingerprint(
    tmp_path: Path, neutral: dict
) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    plain = fingerprint("pretrain", 1, pretrain({}), {}, hashes)
    assert fingerprint("pretrain", 1, pretrain(neutral, "ddp"), {}, hashes) == plain


@pytest.mark.parametrize("changed", [{"steps": 11}, {"global_batch": 64}, {"precision": "bf16"}])
def test_fields_that_change_the_result_change_the_fingerprint(tmp_path: Path, changed: dict) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    plain = fingerprint("pretrain", 1, pretrain({}), {}, hashes)
    assert fingerprint("pretrain", 1, pretrain(changed), {}, hashes) != plain


def test_version_and_inputs_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    prints = {
        fingerprint("pretrain", version, pretrain({}), inputs, hashes)
        for version in (1, 2)
        for inputs in ({"shards": "a"}, {"shards": "b"})
    }
    assert len(prints) == 4


def test_missing_local_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file at"):
        fingerprint("download", 1, download_of(tmp_path / "absent.txt"), {}, FileHashes(tmp_path / "h.json"))


def test_a_partial_artifact_is_not_found_and_is_continued(tmp_path: Path) -> None:
    store = Store(tmp_path)
    partial = store.partial("clean", "mine", "f" * 16)
    (partial / "half").write_text("x")
    assert store.find("clean", "f" * 16) is None
    assert store.partial("clean", "another-run", "f" * 16) == partial
    final = finish(partial, {"metrics": {"n": 1}})
    artifact = store.find("clean", "f" * 16)
    assert artifact.folder == final
    assert artifact.manifest["outputs"]["half"]["bytes"] == 1
    assert artifact.metrics == {"n": 1}
    assert not partial.exists()


def test_of_two_processes_the_second_waits_for_the_first(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from pipeline.store.artifacts import Store
with Store(Path({str(tmp_path)!r})).exclusive("clean", "a", waiting=lambda: print("waits", flush=True)):
    print("builds", flush=True)
    input()
"""
    root = Path(__file__).resolve().parents[2]
    first, second = (
        subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True, cwd=root)
        for _ in range(2)
    )
    said = {first.stdout.readline(): first, second.stdout.readline(): second}
    assert set(said) == {"builds\n", "waits\n"}
    said["builds\n"].communicate("\n", timeout=60)
    assert said["waits\n"].communicate("\n", timeout=60)[0] == "builds\n"
