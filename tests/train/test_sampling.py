"""Sampling's settings against transformers' processors, and texts that join and leave a running batch."""

import numpy as np
import pytest
import torch
from transformers import MinPLogitsWarper, RepetitionPenaltyLogitsProcessor

from pipeline.config.evaluation import DecodeConfig, SamplingConfig
from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.models.lstm import LSTMConfig
from train.generation.batch import JOIN_EVERY, Continuation, RunningBatch
from train.generation.sampling import penalize, sample
from train.generation.stops import Stops
from train.models import build_model

VOCAB = 40
PROMPTS = [[7, 8, 9], [5], [30, 31, 32, 33, 34, 35, 36], [11, 12], [20, 21, 22]]


def test_min_p_equals_transformers() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, VOCAB) * 2
    for min_p in (0.02, 0.1, 0.5, 1.0):
        expected = MinPLogitsWarper(min_p)(None, logits).softmax(-1)[0]
        uniform = torch.linspace(0, 1, 40_001)[:-1]
        config = SamplingConfig(temperature=1, top_p=None, min_p=min_p)
        drawn = sample(logits.expand(len(uniform), -1), uniform, config)
        found = torch.bincount(drawn, minlength=VOCAB) / len(uniform)
        assert torch.allclose(found, expected, atol=1e-3)


def test_the_repetition_penalty_equals_transformers() -> None:
    torch.manual_seed(0)
    logits, ids = torch.randn(2, VOCAB), torch.tensor([[1, 2, 2], [3, 4, 5]])
    seen = torch.zeros(2, VOCAB, dtype=torch.bool).scatter(1, ids, True)
    expected = RepetitionPenaltyLogitsProcessor(1.7)(ids, logits.clone())
    assert torch.equal(penalize(logits, seen, 1.7), expected)


CONFIGS = [
    SamplingConfig(temperature=0, max_new_tokens=20, repetition_penalty=1.3),
    SamplingConfig(max_new_tokens=12, temperature=1.0, top_p=None, min_p=0.01),
    SamplingConfig(max_new_tokens=30, temperature=1.5, top_k=7),
    SamplingConfig(temperature=0, max_new_tokens=9),
    SamplingConfig(max_new_tokens=25, temperature=0.9, repetition_penalty=1.1),
]


OTHERS = {
    "lstm": LSTMConfig(layers=2, hidden=48, embedding=24, context=64),
    "encoder_decoder": EncoderDecoderConfig(layers=2, hidden=32, heads=4, context=64),
}


def texts() -> list[Continuation]:
    """Each with settings and stops of its own."""
    return [
        Continuation(p, c, Stops([n]), c.max_new_tokens, np.random.default_rng([1, n]))
        for n, (p, c) in enumerate(zip(PROMPTS, CONFIGS, strict=True))
    ]


def finish(batch: RunningBatch) -> None:
    while batch:
        batch.step()


@pytest.mark.parametrize("family", ["gpt2", "llama", "lstm", "encoder_decoder"])
def test_a_text_is_the_same_alone_in_a_padded_batch_and_joining_a_running_one(tiny_model, family) -> None:
    if family in OTHERS:
        torch.manual_seed(0)
        model = build_model(OTHERS[family], VOCAB).eval()
        for weight in model.parameters():  # fresh weights are near zero, and all prompts would sound alike
            torch.nn.init.normal_(weight, std=0.5)
    else:
        model = tiny_model(VOCAB, layout=family, context=64)
    alone, together, joining = texts(), texts(), texts()
    for text in alone:
        batch = RunningBatch(model)
        batch.add(text)
        finish(batch)
    batch = RunningBatch(model)
    for text in together:
        batch.add(text)
    finish(batch)
    batch = RunningBatch(model)
    for text in joining:
        batch.add(text)
        for _ in range(5):
            batch.step()
    finish(batch)
    expected = [(text.ids, text.ended) for text in alone]
    assert [(text.ids, text.ended) for text in together] == expected
    assert [(text.ids, text.ended) for text in joining] == expected
    assert len({len(ids) for ids, _ in expected}) > 2


def test_texts_that_fit_alone_fit_together(tiny_model) -> None:
    """One is long and nearly done, the other short with much to write: padded, both would be beyond the context."""
    model = tiny_model(VOCAB, context=48)
    rng = np.random.default_rng(0)
    long, short = rng.integers(5, VOCAB, 44).tolist(), [9]

    def run(*prompts: tuple[list[int], int]) -> list[list[int]]:
        batch, found = RunningBatch(model), []
        for prompt, new_tokens in prompts:
            config = SamplingConfig(temperature=0)
            found.append(Continuation(prompt, config, Stops([]), new_tokens, rng))
            batch.add(found[-1])
        finish(batch)
        return [text.ids for text in found]

    [alone_long], [alone_short] = run((long, 4)), run((short, 47))
    assert run((long, 4), (short, 47)) == [alone_long, alone_short]
    assert len(alone_short) == 47


def test_texts_join_at_intervals_and_a_removed_one_ends(tiny_model) -> None:
    model, config = tiny_model(VOCAB), SamplingConfig(temperature=0)
    first, second = (
        Continuation(prompt, config, Stops([]), 40, np.random.default_rng(0)) for prompt in PROMPTS[:2]
    )
    batch = RunningBatch(model)
    batch.add(first)
    assert batch.step() == [first]
    batch.add(second)
    steps = 0
    while not second.ids:
        batch.step()
        steps += 1
    assert steps <= JOIN_EVERY
    batch.remove(first)
    written = len(first.ids)
    assert batch.step() == [second]
    assert len(first.ids) == written
    assert len(batch) == 1


def test_a_penalty_for_beams_is_told() -> None:
    [problem] = DecodeConfig(method="beam", repetition_penalty=1.2).problems()
    assert "no effect on method=beam" in problem
