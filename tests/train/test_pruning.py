"""Which weights and layers are pruned, and that zeros stay while the rest is trained."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.utils import prune as reference

from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.pruning import PruneConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from tests.train.guard_worker import Poisoned, train
from train.data.losses import model_loss
from train.models import TrainableModel, build_model
from train.models.sizes import build_on_meta
from train.optim.kept_zeros import count_zeros
from train.pruning.layers import block_influence
from train.pruning.matrices import matrices
from train.pruning.methods import Calibration, Reader, method_of

VOCAB = 67
LAYOUTS: dict[str, ModelConfig] = {
    "gpt2": DecoderConfig(layout="gpt2", layers=3, hidden=16, heads=2, mlp=24, context=8),
    "llama": DecoderConfig(layout="llama", layers=3, hidden=16, heads=2, mlp=24, context=8),
}
NAMES = {"gpt2": (12, ".c_"), "llama": (21, "_proj.")}
"""How many matrices three layers have, and what is in the name of each."""


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


def made(layout: str) -> TrainableModel:
    torch.manual_seed(0)
    return build_model(LAYOUTS[layout], VOCAB).eval()


def calibration() -> Calibration:
    torch.manual_seed(1)
    ids = torch.randint(0, VOCAB, (3, 4, 9))
    batches = [{"input_ids": rows[:, :-1], "labels": rows[:, 1:]} for rows in ids]
    return Calibration(batches, Reader(model_loss, torch.device("cpu")))


def pruned(layout: str, method: str, **settings: Any) -> TrainableModel:
    config = PruneConfig.choose(method, **settings)
    section = LAYOUTS[layout]
    section = section.model_copy(update={"layers": section.model_dump()["layers"] - config.drops})
    return method_of(config).prune(config, made(layout), section, calibration()).model


def as_maps(layout: str, weight: torch.Tensor) -> torch.Tensor:
    """[out, in], whatever the layout keeps."""
    return weight.t() if layout == "gpt2" else weight


def test_the_matrices_of_all_blocks_are_pruned_and_nothing_else(layout: str) -> None:
    names = [matrix.name for matrix in matrices(made(layout))]
    count, part = NAMES[layout]
    assert len(set(names)) == count
    assert all(part in name for name in names)
    for method in ("magnitude", "wanda"):
        before, after = made(layout).state_dict(), pruned(layout, method, sparsity=0.25).state_dict()
        for name, weight in after.items():
            zeros = weight == 0
            assert torch.equal(weight[~zeros], before[name][~zeros])
            assert zeros.float().mean().item() == (
                0.25 if name in names else float((before[name] == 0).float().mean())
            )


def test_magnitude_is_that_of_torch(layout: str) -> None:
    ours = pruned(layout, "magnitude", sparsity=0.4)
    for matrix in matrices(made(layout)):
        reference.l1_unstructured(matrix.layer, "weight", amount=0.4)
        assert torch.equal(ours.get_parameter(matrix.name), matrix.layer.weight)


def inputs_of(layers: list[nn.Module], model: nn.Module) -> dict[nn.Module, torch.Tensor]:
    """[tokens, in] of each layer, over the calibration."""
    seen: dict[nn.Module, list[torch.Tensor]] = {layer: [] for layer in layers}
    hooks = [
        layer.register_forward_pre_hook(lambda of, given: seen[of].append(given[0].detach().flatten(0, 1)))
        for layer in layers
    ]
    for batch in calibration().batches:
        model(batch["input_ids"])
    for hook in hooks:
        hook.remove()
    return {layer: torch.cat(inputs) for layer, inputs in seen.items()}


@pytest.mark.parametrize("pattern", ["any", "2:4"])
def test_wanda_is_what_its_paper_says(layout: str, pattern: str) -> None:
    """|W_ij| · ‖X_j‖₂, compared within an output's row, of the inputs that the pruned blocks before give."""
    ours, model = pruned(layout, "wanda", pattern=pattern), made(layout)
    for block in model.blocks:
        layers = [layer for layer in block.modules() if hasattr(layer, "weight") and layer.weight.dim() == 2]
        seen = inputs_of(layers, model)
        for layer in layers:
            weight = as_maps(layout, layer.weight.detach())
            scores = weight.abs() * seen[layer].norm(dim=0)
            for row, score in zip(weight, scores, strict=True):
                groups = score.split(4 if pattern == "2:4" else len(score))
                for number, group in enumerate(groups):
                    row[number * 4 + group.argsort()[: len(group) // 2]] = 0
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, ours.state_dict()[name]), name


@pytest.mark.parametrize("method", ["magnitude", "wanda"])
def test_two_of_each_four_inputs_are_zero(layout: str, method: str) -> None:
    before, after = made(layout), pruned(layout, method, pattern="2:4")
    for matrix in matrices(before):
        groups = as_maps(layout, after.get_parameter(matrix.name)).unflatten(1, (-1, 4))
        assert ((groups == 0).sum(-1) == 2).all()
        if method == "magnitude":
            was = matrix.weight.unflatten(1, (-1, 4)).abs()
            assert torch.equal(groups.abs().amax(-1), was.amax(-1))
            assert torch.equal(groups.abs().sum(-1), was.topk(2).values.sum(-1))


def test_the_layers_that_change_least_are_taken_out(layout: str) -> None:
    model = made(layout)
    with torch.no_grad():  # the second adds almost nothing to what passes through it
        for name, parameter in model.blocks[1].named_parameters():
            if "o_proj" in name or "c_proj" in name or "down_proj" in name:
                parameter.mul_(1e-3)
    influence = block_influence(model, calibration())
    assert influence[1] < 1e-3 < min(influence[0], influence[2])
    section = LAYOUTS[layout].model_copy(update={"layers": 2})
    config = PruneConfig.choose("layers", drop=1)
    given = method_of(config).prune(config, model, section, calibration())
    assert given.facts["dropped_layers"] == [1]
    assert given.facts["block_influence"] == influence
    assert len(list(given.model.blocks)) == 2
    ids = calibration().batches[0]["input_ids"]
    blocks = model.blocks
    x, theirs = model.body.embed(ids, None)
    for block in (blocks[0], blocks[2]):
        mask = model._mask(x, None, None, None)
        x = block(x, mask, None, *theirs)
    assert torch.equal(given.model(ids), model.lm_head(model.body.normalize(x)))


@pytest.mark.parametrize(
    ("section", "settings", "says"),
    [
        (LSTMConfig(hidden=24, embedding=16), {"method": "magnitude"}, "LSTM has none"),
        (
            DecoderConfig(layout="qwen3", layers=2, hidden=16, heads=2, experts=4, context=8),
            {"method": "wanda"},
            "a mixture of experts cannot be pruned",
        ),
        (
            DecoderConfig(layers=2, hidden=16, heads=2, mlp=22, context=8),
            {"method": "magnitude", "pattern": "2:4"},
            r"groups of 4, which leave 2 of the 22 of .*down_proj",
        ),
    ],
)
def test_what_cannot_be_pruned_is_told(section: ModelConfig, settings: dict, says: str) -> None:
    config = PruneConfig.choose(settings.pop("method"), **settings)
    with pytest.raises(UserError, match=says):
        method_of(config).check(config, build_on_meta(section, VOCAB))


def test_settings_that_contradict_themselves_are_told() -> None:
    def told(**settings: Any) -> list[str]:
        return PruneConfig.choose("wanda", **settings).problems()

    assert "would leave no weights" in told(sparsity=1.0)[0]
    assert "would leave no weights" in told(sparsity=1.5)[0]
    assert "would prune nothing" in told(sparsity=0.0)[0]
    assert "leave sparsity out" in told(sparsity=0.6, pattern="2:4")[0]
    assert not told(pattern="2:4")
    with pytest.raises(ValidationError):
        PruneConfig.choose("layers", drop=0)
    both = PretrainConfig(init="x", with_state=True, prune=PruneConfig.choose("wanda"))
    assert "leave one of the two out" in both.problems()[0]
    assert "for weights that exist" in PretrainConfig(prune=PruneConfig.choose("wanda")).problems()[0]
    local = DecoderConfig(layout="qwen3", layers=2, hidden=16, heads=2, sliding_window=4, context=8)
    layers = PruneConfig.choose("layers")
    assert "which layers are local" in layers.misfits(local)[0]
    assert (
        "is of our decoder" in layers.misfits(HuggingFaceConfig(config={"model_type": "opt"}, context=8))[0]
    )


ZEROS_OF = frozenset(
    f"decoder.model.layers.0.{name}.weight"
    for name in ("mlp.down_proj", "self_attn.q_proj", "self_attn.o_proj")
)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_zeros_stay_for_twenty_steps_and_a_resume(optimizer: str, tmp_path: Path) -> None:
    optim = OptimizerConfig.choose(optimizer, lr=1e-2, weight_decay=0.1)
    given: dict[str, Any] = {
        "bad_steps": (),
        "optim": optim,
        "zeros_of": ZEROS_OF,
        "steps": 20,
        "checkpoint_every": 10,
    }
    whole = train(tmp_path / "whole", "off", keep_last=2, **given).state
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(checkpoint_folder(tmp_path / "killed", 20))
    resumed = train(tmp_path / "killed", "off", keep_last=2, **given).state
    assert whole is not None
    assert resumed is not None
    for name, weight in Poisoned().state_dict().items():
        assert torch.equal(resumed[name], whole[name])
        if name in ZEROS_OF:
            assert torch.equal(whole[name] == 0, weight <= 0)
            assert not torch.equal(whole[name], weight.clamp(min=0))
    assert count_zeros(whole, ZEROS_OF)[1] == 16 * 32 + 2 * 16 * 16
