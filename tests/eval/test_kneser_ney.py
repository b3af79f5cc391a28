"""The trigram model against nltk's, as a distribution, and against the counts of a published example."""

import numpy as np
import pytest
from nltk.lm.models import KneserNeyInterpolated

from eval.language_model import ngram
from eval.language_model.kneser_ney import FALLBACK, KneserNey, discounts, triples_of
from eval.language_model.ngram import ArrayStream, Bigram, Counts

EOS, VOCAB = 0, 12
FIXED = ((0.0, 0.0, 0.0), (0.3, 0.3, 0.3), (0.3, 0.3, 0.3))


def drawn(size: int, seed: int = 0, eos: bool = True) -> np.ndarray:
    """Tokens that depend on the two before them, in documents."""
    generator, tokens = np.random.default_rng(seed), [1, 2]
    while len(tokens) < size:
        wanted = (tokens[-1] * 2 + tokens[-2] + generator.integers(0, 3)) % VOCAB
        tokens.append(int(wanted) if eos else max(1, int(wanted)))
    return np.array([*tokens[: size - 1], EOS])


def test_it_gives_what_nltk_gives() -> None:
    """With one discount, and none of single tokens, as nltk has it."""
    tokens = drawn(300, eos=False)[:-1]
    model = KneserNey(ArrayStream(tokens), VOCAB, EOS, taken=FIXED)
    padded = [EOS, EOS, *tokens.tolist()]
    theirs = KneserNeyInterpolated(order=3, discount=0.3)
    words = [str(token) for token in padded]
    grams = [tuple(words[end - n : end]) for end in range(3, len(words) + 1) for n in (1, 2, 3)]
    theirs.fit([grams], vocabulary_text=[str(token) for token in range(VOCAB)])
    compared = 0
    for history in [(3, 7), (1, 2), (5, 5), (EOS, EOS), (EOS, 1)]:
        for token in range(1, VOCAB):
            expected = theirs.score(str(token), tuple(map(str, history)))
            given = (np.array([one]) for one in (*history, token))
            if theirs.counts[tuple(map(str, history))].N() and expected:
                assert model.probabilities(*given)[0] == pytest.approx(expected, rel=1e-9)
                compared += 1
    assert compared > 25


def test_probabilities_sum_to_one_after_any_history() -> None:
    model = KneserNey(ArrayStream(drawn(2000)), VOCAB, EOS)
    tokens = np.arange(VOCAB)
    for further, history in [(3, 7), (1, 2), (11, 11), (EOS, EOS), (9, EOS)]:
        found = model.probabilities(np.full(VOCAB, further), np.full(VOCAB, history), tokens)
        assert found.sum() == pytest.approx(1)
        assert (found > 0).all()


def test_discounts_are_those_of_the_formula() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [60, 20, 10, 5, 3])
    y = 60 / (60 + 40)
    expected = (1 - 2 * y * 20 / 60, 2 - 3 * y * 10 / 20, 3 - 4 * y * 5 / 10)
    assert discounts(counts) == pytest.approx(expected)
    assert discounts(np.array([1, 1, 4])) == FALLBACK


def test_francisco_follows_one_word_and_is_not_likely_after_others() -> None:
    """The example of Chen and Goodman (1999, section 2.7): frequent words that follow a single one."""
    san, francisco, other = 1, 2, 3
    tokens = [san, francisco] * 8 + [4, other, 5, other, 6, other, 7, other, EOS]
    model = KneserNey(ArrayStream(np.array(tokens)), VOCAB, EOS)
    unseen, word = np.array([9]), (np.array([francisco]), np.array([other]))
    after = [float(model.probabilities(unseen, unseen, one)[0]) for one in word]
    assert after[0] < after[1]


def test_it_predicts_better_than_pairs_and_documents_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    training, held_out = (ArrayStream(drawn(size, seed)) for size, seed in ((6000, 1), (800, 2)))
    model = KneserNey(training, VOCAB, EOS)
    losses = np.concatenate([nats for _, nats in model.losses(held_out)])
    bigram = Bigram(Counts.of(training, VOCAB, EOS), held_out, EOS)
    pairs = np.concatenate([nats for *_, nats in bigram.losses(held_out, EOS)])
    assert losses.mean() < pairs.mean() - 0.3
    [(further, history, _)] = triples_of(ArrayStream(np.array([1, EOS, 2, 3])), EOS, 10)
    assert [further.tolist(), history.tolist()] == [[EOS, EOS, EOS, EOS], [EOS, 1, EOS, 2]]
    monkeypatch.setattr(ngram, "CHUNK", 7)
    chunked = np.concatenate([nats for _, nats in KneserNey(training, VOCAB, EOS).losses(held_out)])
    np.testing.assert_allclose(chunked, losses)
