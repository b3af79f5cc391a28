"""Training that goes on from weights that exist: with its state it ends as their run did, or they are pruned first."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load, load_file

from tests.command_line import TINY, copy_data_stages
from tests.inference.upload_server import hub, publish

pytestmark = pytest.mark.e2e
CONTINUED = [word for word in TINY if not word.startswith("tokenizer.")]
"""The tokenizer is that of the weights."""
STEPS = ("trainer.steps=8", "trainer.log_every=1")


@pytest.fixture(scope="module")
def folder(shards: Path, pipeline: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a finished run `base`."""
    folder = tmp_path_factory.mktemp("continuing")
    copy_data_stages(shards, folder)
    first = pipeline(folder, "stage=pretrain", *STEPS, "run.name=base")
    assert first.returncode == 0, first.stdout + first.stderr
    return folder


def test_with_its_state_a_checkpoint_leads_to_the_same_end(folder: Path, pipeline: Callable) -> None:
    init = ("run.name=more", "pretrain.init=base", "pretrain.step=4", "pretrain.with_state=true")
    second = pipeline(folder, "stage=pretrain", *STEPS, *init, base=CONTINUED)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "continuing from step 4" in second.stdout
    base, more = (folder / f"runs/{name}/pretrain" for name in ("base", "more"))
    assert base.resolve() != more.resolve()
    weights = [load_file(run / "model/model.safetensors") for run in (base, more)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert json.loads((more / "initial.json").read_text())["name"] == f"{base.resolve().name}, step 4"


def test_pruned_weights_recover_and_are_exported_with_their_zeros(folder: Path, pipeline: Callable) -> None:
    words = ("run.name=sparse", "pretrain.init=base", "pretrain.prune={method: magnitude, pattern: '2:4'}")
    quick = ("finetune=none", "evaluate.ngram_baselines=false", "evaluate.prompts=[]")
    ended = pipeline(folder, "stage=report", *STEPS, *words, *quick, base=CONTINUED)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = folder / "runs/sparse"
    metrics = json.loads((run / "pretrain/manifest.json").read_text())["metrics"]
    base = json.loads((folder / "runs/base/pretrain/manifest.json").read_text())["metrics"]
    assert metrics["sparsity"] == 0.5
    assert metrics["validation_loss_before_pruning"] == pytest.approx(base["validation_loss"], rel=1e-5)
    assert metrics["validation_loss_after_pruning"] == pytest.approx(
        metrics["initial_validation_loss"], rel=1e-5
    )
    assert metrics["validation_loss"] < metrics["validation_loss_after_pruning"]
    for name, weight in load_file(run / "export/model/model.safetensors").items():
        if "_proj" in name:
            assert ((weight.unflatten(1, (-1, 4)) == 0).sum(-1) == 2).all(), name
    assert json.loads((run / "export/manifest.json").read_text())["metrics"]["sparsity"] == 0.5
    assert "50.0% of the weights of linear layers" in (run / "export/model/README.md").read_text()
    assert "Pruned by magnitude" in (run / "report/report.html").read_text()

    _checkpoints_are_sent_as_branches(folder)


def _checkpoints_are_sent_as_branches(folder: Path) -> None:
    """Of the run `sparse`, whose export and checkpoints are there."""
    words = ("me/demo", "model=sparse", "checkpoints=true")
    with hub() as (endpoint, files, asked):
        told = publish(folder, endpoint, *words)
        assert told.returncode == 0, told.stderr
        assert "step-00000004 → me/demo@step-4" in told.stdout
        assert not asked
        sent = publish(folder, endpoint, *words, "send=true")
    assert sent.returncode == 0, sent.stderr
    names = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert names <= set(files)
    assert {f"step-{step}:{name}" for step in (4, 8) for name in names} <= set(files)
    assert load(files["step-8:model.safetensors"]).keys() == load(files["model.safetensors"]).keys()
    last, early = (load(files[f"step-{step}:model.safetensors"]) for step in (8, 4))
    for name, weight in load(files["model.safetensors"]).items():
        assert (last[name] == weight).all()
    assert any((early[name] != weight).any() for name, weight in last.items())
    assert b"# demo, step 4" in files["step-4:README.md"]


def test_a_model_with_a_layer_less_is_one_of_fewer_layers(folder: Path, pipeline: Callable) -> None:
    words = (
        "run.name=short",
        "pretrain.init=base",
        "pretrain.prune.method=layers",
        "pretrain.prune.samples=8",
    )
    ended = pipeline(folder, "stage=pretrain", "trainer.steps=0", *words, base=CONTINUED)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    artifact = folder / "runs/short/pretrain"
    facts, described = (
        json.loads((artifact / name).read_text()) for name in ("pruning.json", "model/model.json")
    )
    assert described["model"]["layers"] == 1
    whole, short = (
        load_file(folder / f"runs/{name}/pretrain/model/model.safetensors") for name in ("base", "short")
    )
    (dropped,) = facts["dropped_layers"]
    for name, weight in short.items():
        assert (weight == whole[name.replace("layers.0.", f"layers.{1 - dropped}.")]).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pretrain.prune={method: layers, drop: 2}"], "would leave nothing of a model of 2 layers"),
        (["pretrain.prune={method: wanda, sparsity: 1}"], "would leave no weights"),
        (
            ["pretrain.prune.method=magnitude", "finetune=dpo", "finetune.data.train=a.jsonl"],
            "fine-tune first",
        ),
    ],
)
def test_what_would_prune_all_is_told_at_once(
    words: list[str], says: str, folder: Path, pipeline: Callable
) -> None:
    ended = pipeline(folder, "stage=pretrain", "run.name=none", "pretrain.init=base", *words, base=CONTINUED)
    assert ended.returncode == 2
    assert says in ended.stderr
