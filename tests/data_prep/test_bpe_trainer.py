"""The merges of a BPE against the definition, and against a published training run."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import regex
from hypothesis import given
from hypothesis import strategies as st

from data_prep.tokenizer import run
from data_prep.tokenizing.bpe_trainer import learn_merges
from data_prep.tokenizing.tokenizer_models import byte_characters
from pipeline.config.stages import TokenizerStage
from pipeline.config.tokenizing import TokenizerConfig
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.text.text_splitting import GPT2_PATTERN


def by_definition(counts: dict[bytes, int], merges: int) -> list[tuple[bytes, bytes]]:
    """Sennrich et al. (2016), algorithm 1: count all pairs, merge the best everywhere, again."""
    words = {word: [bytes([byte]) for byte in word] for word in counts}
    learned: list[tuple[bytes, bytes]] = []
    while len({left + right for left, right in learned}) < merges:
        pairs = Counter()
        for word, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        learned.append(best)
        for parts in words.values():
            place = 0
            while place < len(parts) - 1:
                if (parts[place], parts[place + 1]) == best:
                    parts[place : place + 2] = [best[0] + best[1]]
                place += 1
    return learned


@given(
    st.dictionaries(
        st.text("abc\x00ÿ", min_size=1, max_size=12).map(str.encode), st.integers(1, 4), max_size=8
    )
)
def test_merges_follow_the_definition(counts: dict[bytes, int]) -> None:
    assert learn_merges(counts, 30) == by_definition(counts, 30)


def test_merges_follow_the_definition_on_prose() -> None:
    words = regex.findall(GPT2_PATTERN, (json.__doc__ or "") + (regex.__doc__ or ""))
    counts = {word.encode(): count for word, count in Counter(words).items()}
    assert learn_merges(counts, 200) == by_definition(counts, 200)


def test_rare_pairs_are_not_merged() -> None:
    assert learn_merges({b"ab": 3, b"cd": 2, b"ef": 1}, 10, min_frequency=2) == [(b"a", b"b"), (b"c", b"d")]


def test_the_stage_learns_the_reference_merges(
    tmp_path: Path, shared_data: Callable[[str], Path], make_context: Callable
) -> None:
    """corpus.en trained to 256 bytes, 243 merges and special tokens."""
    references = shared_data("tokenizer-refs")
    text = (references / "corpus.en").read_text(encoding="utf-8")
    with DocumentWriter(tmp_path / "clean" / "documents", "train", 128) as writer:
        writer.write(Document("0", text))
    config = TokenizerConfig(vocab_size=256 + 243 + 2, pattern="gpt2", special_tokens=[])
    run(TokenizerStage(tokenizer=config), make_context(tmp_path / "out", clean=tmp_path / "clean"))

    lines = (references / "train-bpe-reference-merges.txt").read_text(encoding="utf-8").splitlines()
    model = json.loads((tmp_path / "out" / "tokenizer" / "tokenizer.json").read_text())["model"]
    assert model["merges"] == [line.split(" ") for line in lines]
    reference_vocab = json.loads((references / "train-bpe-reference-vocab.json").read_text())
    assert set(model["vocab"]) == set(reference_vocab) - {"<|endoftext|>"}
    assert [model["vocab"][character] for character in byte_characters()] == list(range(256))
