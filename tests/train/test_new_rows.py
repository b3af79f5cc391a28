"""A model with further tokens: what their rows start as, and that they can be trained alone."""

import shutil
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter

from pipeline.config.models import ModelConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.formats.vocabulary_extension import VocabularyExtension
from tests.train.guard_worker import Poisoned, train
from train.models import build_model
from train.models.new_rows import fill_with_new_rows, vocabulary_axes
from train.optim.only_rows import OnlyRows

SIZES = {"layers": 1, "hidden": 16, "heads": 2, "mlp": 32, "context": 16}
HF = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
MODELS = {
    "llama": {"family": "decoder", **SIZES},
    "untied llama": {"family": "decoder", "tie_embeddings": False, **SIZES},
    "gpt2": {"family": "decoder", "layout": "gpt2", **SIZES},
    "lstm": {"family": "lstm", "layers": 1, "hidden": 16, "embedding": 16, "context": 16},
    "untied of transformers": {"family": "hf", "config": {"model_type": "gpt_neox", **HF}, "context": 16},
    "tied of transformers": {
        "family": "hf",
        "config": {"model_type": "opt", "word_embed_proj_dim": 16, "ffn_dim": 32, **HF},
        "context": 16,
    },
}
OLD, SPARE = 20, 24
"""Ids that the base's tokenizer has, and rows that its weights have."""
EXTENSION = VocabularyExtension(OLD, [[3, 4], [5, 5, 6], [7, 8], [9, 1], [2, 3], [19, 0]])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [OLD, SPARE])
def test_new_rows_are_the_mean_of_their_pieces_and_the_old_ones_stay(name: str, rows: int) -> None:
    config = TypeAdapter(ModelConfig).validate_python(MODELS[name])
    base, model = build_model(config, rows), build_model(config, EXTENSION.vocab_size)
    axes = vocabulary_axes(config, rows)
    fill_with_new_rows(model, base.state_dict(), axes, EXTENSION)
    old = base.state_dict()
    assert len(axes) == sum(tensor.size(0) == rows for tensor in old.values()) > 0
    for key, tensor in model.state_dict().items():
        if key not in axes:
            assert torch.equal(tensor, old[key]), key
            continue
        assert torch.equal(tensor[:OLD], old[key][:OLD])
        for number, pieces in enumerate(EXTENSION.pieces):
            assert torch.equal(tensor[OLD + number], old[key][pieces].mean(0)), key
    ids = torch.tensor([[1, 2, 3, 19]])
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(ids)[..., :OLD], base.eval()(ids)[..., :OLD])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_rows_are_trained_alone_for_the_first_steps(tmp_path: Path, optimizer: str) -> None:
    name, first = "decoder.model.embed_tokens.weight", 5  # the output is tied to it
    optim = OptimizerConfig.choose(optimizer, lr=1e-2, weight_decay=0.1)

    def trained(folder: str, steps: int) -> dict[str, torch.Tensor]:
        rows = OnlyRows(frozenset({name}), first, steps)
        state = train(tmp_path / folder, "off", bad_steps=(), optim=optim, only_rows=rows, steps=4).state
        assert state is not None
        return state

    begun, alone, freed = Poisoned().state_dict(), trained("alone", 4), trained("freed", 3)
    for key, weight in begun.items():
        if key not in (name, "decoder.lm_head.weight"):
            assert torch.equal(alone[key], weight), key
    assert torch.equal(alone[name][:first], begun[name][:first])
    assert not torch.equal(alone[name][first:7], begun[name][first:7])
    assert all(not torch.equal(freed[key], weight) for key, weight in begun.items())


def test_a_resumed_run_knows_which_step_it_is_at(tmp_path: Path) -> None:
    rows = OnlyRows(frozenset({"decoder.model.embed_tokens.weight"}), 5, 3)
    whole = train(tmp_path / "whole", "off", bad_steps=(), only_rows=rows, steps=4, keep_last=4).state
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(checkpoint_folder(tmp_path / "killed", 4))
    resumed = train(tmp_path / "killed", "off", bad_steps=(), only_rows=rows, steps=4, keep_last=4).state
    assert whole is not None
    assert resumed is not None
    assert all(torch.equal(resumed[name], weight) for name, weight in whole.items())
