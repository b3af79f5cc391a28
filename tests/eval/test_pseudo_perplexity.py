"""The pseudo-perplexity of a masked model, against what its definition says, token by token."""

import math

import numpy as np
import torch

from eval.objectives.masked import token_losses
from pipeline.config.data import DataConfig
from pipeline.config.models.encoder import EncoderConfig
from tests.train.test_masked import CLS, MASK, PIECES, SEP, SPECIAL, ListStream, objective
from train.models import build_model


def test_each_token_is_hidden_alone_and_predicted_from_all_others() -> None:
    torch.manual_seed(0)
    size, length = len(SPECIAL) + len(PIECES), 12
    model = build_model(EncoderConfig(layers=2, hidden=32, heads=2, context=length), size).eval()
    draw = np.random.default_rng(0)
    ids = [int(id) for id in draw.integers(len(SPECIAL), size, 40)]
    ids[4] = SEP  # the end of a document is never hidden
    masked = objective()
    windows = masked.examples(ListStream(ids), DataConfig(), length)
    row = windows.unmasked(0)
    text = row["input_ids"][0].tolist()
    assert text == [CLS, *ids[:10], SEP]
    expected = []
    for place, token in enumerate(text):
        if token in (CLS, SEP):
            continue
        hidden = torch.tensor([[*text[:place], MASK, *text[place + 1 :]]])
        with torch.inference_mode():
            expected.append(-model(hidden)[0, place].log_softmax(-1)[token].item())
    assert len(expected) == 9
    for batch_size in (1, 4, 100):
        losses = token_losses(model, masked, row, batch_size)
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert not math.isclose(min(expected), max(expected), rel_tol=0.01)
