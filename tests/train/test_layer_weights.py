"""Weights that come one layer at a time are those of a model that is built at once."""

import pytest
import torch

from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.lstm import LSTMConfig
from train.models import TrainableModel, build_model
from train.models.sizes import build_on_meta
from train.models.weights import FreshWeights, materialize, unset_weights

VOCAB = 67
SIZES = {"layers": 3, "hidden": 32, "heads": 4, "mlp": 48, "context": 16}
MODELS = [
    *(
        DecoderConfig(layout=name, tie_embeddings=tied, **SIZES)
        for name in ("gpt2", "llama", "qwen3")
        for tied in (0, 1)
    ),
    LSTMConfig(hidden=24, embedding=16, layers=2, tie_embeddings=False),
    LSTMConfig(hidden=24, embedding=16, layers=1),
    LSTMConfig(cell="gru", attention=8, hidden=24, embedding=16, layers=1),
    DecoderConfig(layout="qwen3", layers=2, hidden=32, heads=4, experts=4),
]


def same(model: TrainableModel, expected: TrainableModel) -> None:
    """In names, ties and every bit, and with tables that work."""
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in expected.named_parameters()]
    found, wanted = model.state_dict(), expected.state_dict()
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    ids = torch.arange(8)[None]
    assert torch.equal(model.eval()(ids), expected.eval()(ids))


@pytest.mark.parametrize("config", MODELS)
def test_fresh_weights_are_those_of_a_model_built_at_once(config: ModelConfig) -> None:
    torch.manual_seed(3)
    expected = build_model(config, VOCAB)
    torch.manual_seed(3)
    model, blocks = build_on_meta(config, VOCAB), []
    assert all(p.is_meta for p in model.parameters())
    weights = FreshWeights(model)
    torch.rand(1)  # what is drawn in between changes nothing
    materialize(model, weights, torch.device("cpu"), blocks.append)
    assert blocks == list(model.blocks)
    same(model, expected)


@pytest.mark.parametrize("config", MODELS)
def test_what_a_checkpoint_is_read_into_has_memory_and_draws_nothing(config: ModelConfig) -> None:
    torch.manual_seed(3)
    expected, model = build_model(config, VOCAB), build_on_meta(config, VOCAB)
    state = torch.get_rng_state()
    materialize(model, unset_weights(model), torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)
    with torch.no_grad():
        for empty, filled in zip(model.parameters(), expected.parameters(), strict=True):
            empty.copy_(filled)
    same(model, expected)


def test_a_block_is_complete_before_the_next_one_is_begun() -> None:
    model, empty = build_on_meta(MODELS[0], VOCAB), []

    def complete(block: torch.nn.Module) -> None:
        assert not any(p.is_meta for p in block.parameters())
        empty.append(sum(all(p.is_meta for p in other.parameters()) for other in model.blocks))

    materialize(model, FreshWeights(model), torch.device("cpu"), complete)
    assert empty == [2, 1, 0]
