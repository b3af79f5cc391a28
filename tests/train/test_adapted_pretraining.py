"""Continued pretraining of adapters: what is trained and written, that it resumes, merges, and is opened again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint, checkpoint_folder, list_checkpoints
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.store.artifacts import SPEC_FILE
from tests.train.mixture_worker import pretrain
from tests.warm.ranks import run_ranks
from train.checkpoints.manager import drop_after
from train.weights.states import TrainedStates

RUN = {"steps": 6, "validate_every": 0, "record_data": False}
VARIANTS = [{"variant": "lora"}, {"variant": "rslora"}, {"variant": "dora"}, {"quantize": "nf4"}]


@pytest.fixture(scope="module")
def base(mixture_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    pretrain(mixture_inputs, folder, **RUN)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


@pytest.mark.parametrize("lora", VARIANTS, ids=lambda lora: next(iter(lora.values())))
def test_adapters_resume_bitwise_and_merge(
    lora: dict, mixture_inputs: Path, base: Path, tmp_path: Path, make_context: Callable
) -> None:
    folder, resumed = tmp_path / "whole", tmp_path / "resumed"
    metrics = pretrain(mixture_inputs, folder, init=base, lora={"rank": 4, **lora}, keep_last=6, **RUN)
    before, after = weights(base), weights(folder)
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "_proj" in name}
    assert metrics["parameters"] == sum(p.numel() for p in before.values())
    adapters = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert metrics["trainable_parameters"] == sum(tensor.numel() for tensor in adapters.values())

    shutil.copytree(folder, resumed)
    shutil.rmtree(resumed / "model")
    drop_after(resumed, 2)
    assert [each.step for each in list_checkpoints(resumed)] == [1, 2]
    pretrain(mixture_inputs, resumed, init=base, lora={"rank": 4, **lora}, keep_last=6, **RUN)
    again = weights(resumed)
    assert all(torch.equal(again[name], after[name]) for name in after)

    # The merged model is the one whose loss was measured with the adapters apart.
    merged = pretrain(mixture_inputs, tmp_path / "more", init=folder, **RUN | {"steps": 2})
    assert merged["initial_validation_loss"] == pytest.approx(metrics["validation_loss"], rel=1e-5)
    states = TrainedStates(folder, make_context(tmp_path / "out", pretrain=folder))
    first = {name: tensor.clone() for name, tensor in states.at(1).items()}
    for name, tensor in states.at(6).items():
        torch.testing.assert_close(tensor, after[name])
    assert any(not torch.allclose(first[name], after[name], atol=1e-3) for name in after)


@pytest.mark.distributed
@pytest.mark.parametrize(("strategy", "lora"), [("ddp", {"quantize": "nf4"}), ("fsdp", {"variant": "dora"})])
def test_two_ranks_train_what_one_does(
    strategy: str, lora: dict, mixture_inputs: Path, base: Path, tmp_path: Path
) -> None:
    lora = {**lora, "dropout": 0.0}
    pretrain(mixture_inputs, tmp_path / "alone", dropout=0.0, init=base, lora=lora, **RUN)
    more = json.dumps({"init": str(base), "lora": lora, **RUN})
    run_ranks(
        2, "tests.train.mixture_worker", str(mixture_inputs), str(tmp_path / "two"), strategy, "0", more
    )
    expected, found = weights(tmp_path / "alone"), weights(tmp_path / "two")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-4, rtol=1e-3)


def test_without_steps_adapters_change_nothing(mixture_inputs: Path, base: Path, tmp_path: Path) -> None:
    pretrain(mixture_inputs, tmp_path / "same", init=base, lora={}, **RUN | {"steps": 0})
    before, after = weights(base), weights(tmp_path / "same")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_checkpoint_of_adapters_is_no_start_for_other_runs(tmp_path: Path) -> None:
    config = {"model": {"family": "decoder"}, "pretrain": {"init": "base", "lora": {"rank": 8}}}
    spec = {"stage": "pretrain", "plugins": [], "input_fingerprints": {}, "config": config}
    (tmp_path / SPEC_FILE).write_text(json.dumps(spec))
    checkpoint = Checkpoint(checkpoint_folder(tmp_path, 4), 4, 100, None, None, "ddp", 2, 0.1, 4)
    with pytest.raises(UserError, match="holds adapters alone; leave the step out"):
        ArtifactFolder(tmp_path).described(checkpoint)
