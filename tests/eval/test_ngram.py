"""Unigram and bigram models, by hand on toy data and as distributions."""

import math

import numpy as np
import pytest

from eval.language_model import ngram
from eval.language_model.ngram import ArrayStream, Bigram, Counts, fit_weight

EOS = 0


def stream(*tokens):
    return ArrayStream(np.array(tokens, dtype=np.uint16))


def test_counts_by_hand():
    counts = Counts.of(stream(1, 2, 0, 1, 1, 0), 4, EOS)
    assert counts.unigrams.tolist() == [2, 3, 1, 0]
    # Histories: eos before the stream, then all but the last token.
    assert dict(zip(counts.keys.tolist(), counts.pairs.tolist(), strict=True)) == {
        0 * 4 + 1: 2, 1 * 4 + 0: 1, 1 * 4 + 1: 1, 1 * 4 + 2: 1, 2 * 4 + 0: 1,
    }  # fmt: skip
    times, followers = counts.histories()
    assert (times.tolist(), followers.tolist()) == ([2, 3, 1, 0], [1, 3, 1, 0])
    assert counts.of_pairs(np.array([0, 1, 3, 3]), np.array([1, 3, 0, 3])).tolist() == [2, 0, 0, 0]


def test_probabilities_by_hand():
    model = Bigram(Counts.of(stream(1, 2, 0, 1, 1, 0), 4, EOS), stream(1, 0, 1), EOS)
    scored = stream(1, 2, 3, 3)
    [(start, unigram, bigram)] = list(model.losses(scored, EOS))
    a = model.unigram_weight
    p1, p2, p3 = a * 3 / 6 + (1 - a) / 4, a * 1 / 6 + (1 - a) / 4, (1 - a) / 4
    assert start == 0
    np.testing.assert_allclose(np.exp(-unigram), [p1, p2, p3, p3])
    # Pairs that begin with eos were seen twice on average, the others once: groups 2 and 0.
    b, c = model.weights[2], model.weights[0]
    # The last token's history, 3, was never seen: the unigram alone.
    np.testing.assert_allclose(
        np.exp(-bigram), [b * 2 / 2 + (1 - b) * p1, c * 1 / 3 + (1 - c) * p2, (1 - c) * p3, p3]
    )


def test_probabilities_sum_to_one_after_any_history():
    draw = np.random.default_rng(0)
    model = Bigram(Counts.of(ArrayStream(draw.integers(0, 6, 200)), 7, EOS), stream(*range(6)), EOS)
    for history in range(7):
        # Score each token of the vocabulary after this history; 6 was never seen.
        scored = ArrayStream(np.array([[history, token] for token in range(7)]).reshape(-1))
        [(_, _, bigram)] = list(model.losses(scored, EOS))
        assert np.exp(-bigram[1::2]).sum() == pytest.approx(1.0)


def test_the_fitted_weight_is_the_likeliest():
    draw = np.random.default_rng(3)
    upper, lower = draw.random(500), draw.random(500) * 0.5
    weight = fit_weight(upper, lower)
    grid = np.linspace(0.001, 0.999, 999)
    best = grid[np.argmax([np.log(w * upper + (1 - w) * lower).sum() for w in grid])]
    assert weight == pytest.approx(best, abs=0.01)


def test_a_weight_never_excludes_what_was_not_seen():
    assert 0 < fit_weight(np.zeros(50), np.ones(50)) < 0.1
    assert 0.9 < fit_weight(np.ones(50), np.full(50, 0.01)) < 1
    assert fit_weight(np.empty(0), np.empty(0)) == 0.5


def test_a_deterministic_text_is_learned_by_the_bigram_alone():
    training, held_out = stream(*[1, 2, 3] * 200), stream(*[1, 2, 3] * 50)
    model = Bigram(Counts.of(training, 5, 3), held_out, 3)
    [(_, unigram, bigram)] = list(model.losses(held_out, 3))
    assert math.exp(unigram.mean()) == pytest.approx(3, rel=0.02)
    assert math.exp(bigram.mean()) == pytest.approx(1, rel=0.02)


def test_chunks_do_not_show(monkeypatch):
    draw = np.random.default_rng(4)
    training, held_out = (ArrayStream(draw.integers(0, 9, size)) for size in (500, 120))

    def losses():
        model = Bigram(Counts.of(training, 9, EOS), held_out, EOS)
        return np.concatenate([bigram for _, _, bigram in model.losses(held_out, EOS)])

    whole = losses()
    monkeypatch.setattr(ngram, "CHUNK", 7)
    np.testing.assert_allclose(losses(), whole)
