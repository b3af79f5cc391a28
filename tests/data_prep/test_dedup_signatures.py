"""Shingles and the signatures made of them."""

import subprocess
import sys

import numpy as np
import pytest

from data_prep.dedup.minhash import MinHash
from data_prep.dedup.shingles import shingles
from data_prep.text.word_hashes import word_hashes
from pipeline.config.clean import NearDuplicatesConfig


def same(left: str, right: str, words: int = 3) -> bool:
    return np.array_equal(shingles(left, words), shingles(right, words))


def test_case_punctuation_and_space_make_no_difference() -> None:
    assert same(
        "It was the best of times, it was the worst of times.",
        "it was the BEST of times it was\nthe worst  of times",
    )
    assert same("Ελλάδα Привет ÀÉ", "ΕΛΛΆΔΑ привет àé")
    assert not same("the best of times", "the rest of times")
    assert not same("the best of times", "the bestof times")


def test_every_character_is_a_word_where_scripts_have_no_spaces() -> None:
    assert len(word_hashes("這是一本書。")) == 5
    assert same("這是一本書。", "這 是 一 本 書")
    assert len(word_hashes("GPT模型2024年")) == 5
    assert len(word_hashes("ひらがな カタカナ")) == 8
    assert len(word_hashes("\U00020000\U00020001 \U0001f600")) == 2


def test_shingles_are_all_runs_of_words() -> None:
    text = "a b c a b c d"
    found = shingles(text, 3)
    assert len(found) == 5
    assert found[0] == found[3] == shingles("a b c", 3)[0]
    assert len(set(found.tolist())) == 4
    assert shingles("c d", 3)[0] not in set(found.tolist())


def test_a_short_text_has_one_shingle_of_all_it_has() -> None:
    assert len(shingles("two words", 5)) == 1
    assert not same("two words", "two swords", 5)
    assert not same("two words", "words two", 5)
    assert len(shingles("!!! ???", 5)) == 2  # no words: characters
    assert not same("!!!", "???", 5)
    assert len(shingles("", 5)) == 1


def test_a_word_has_one_hash_wherever_it_stands() -> None:
    words = [f"word{number}" for number in range(30_000)]  # several slices
    found = word_hashes(" ".join(words))
    assert len(set(found.tolist())) == len(found) == len(words)
    for place in (0, 1, 7_281, 7_282, 14_000, 29_999):
        assert found[place] == word_hashes(f" {words[place]}!")[0]
    assert np.array_equal(word_hashes(", ".join(words)), found)
    assert len(word_hashes("x" * 200_000)) == 4


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7, 0.8, 0.9])
def test_candidates_are_as_probable_as_the_formula_says(similarity: float) -> None:
    config = NearDuplicatesConfig()
    minhash = MinHash(config)
    rng = np.random.default_rng(5)
    size, trials = 300, 600
    shared = round(2 * size * similarity / (1 + similarity))
    similarity = shared / (2 * size - shared)
    candidates = 0
    for _ in range(trials):
        hashes = rng.integers(0, 1 << 64, 2 * size - shared, dtype=np.uint64)
        minima = np.array([minhash(hashes[:size])[0], minhash(hashes[size - shared :])[0]])
        keys = minhash.band_keys(minima)
        candidates += bool((keys[0] == keys[1]).any())
    expected = 1 - (1 - similarity**config.rows) ** config.bands
    error = (expected * (1 - expected) / trials) ** 0.5
    assert abs(candidates / trials - expected) < 4 * error + 0.005


def test_minima_do_not_depend_on_blocks_and_the_sketch_is_the_smallest_hashes() -> None:
    hashes = np.random.default_rng(3).integers(0, 1 << 64, 5_000, dtype=np.uint64)
    minhash = MinHash(NearDuplicatesConfig(sketch=100))
    minima, sketch = minhash(hashes)
    assert np.array_equal(sketch, np.unique(hashes >> np.uint64(32))[:100])
    parts = [minhash(part)[0] for part in np.split(hashes, [7, 1_000, 2_500])]
    assert np.array_equal(minima, np.min(parts, axis=0))


def test_bands_never_meet_one_another() -> None:
    config = NearDuplicatesConfig(bands=4, rows=2)
    keys = MinHash(config).band_keys(np.full((1, 8), 7, dtype=np.uint32))
    assert len(set(keys[0].tolist())) == 4


def test_hashes_are_the_same_in_every_run() -> None:
    code = (
        "from data_prep.dedup.minhash import MinHash; from data_prep.dedup.shingles import shingles;"
        "from pipeline.config.clean import NearDuplicatesConfig as C; m = MinHash(C());"
        "minima, sketch = m(shingles('a rose is a rose is a rose is a flower', 3));"
        "print(m.band_keys(minima[None]).tolist(), sketch.tolist())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
