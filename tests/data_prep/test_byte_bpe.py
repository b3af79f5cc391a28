"""The merges of a byte-level BPE against the definition, and against a published training run."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import pytest
import regex
from tokenizers import Tokenizer, pre_tokenizers

from data_prep.tokenizer import run
from data_prep.tokenizing.byte_bpe import learn
from pipeline.config.stages import TokenizerStage
from pipeline.config.tokenizers.byte_bpe import ByteBPE
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.text.text_splitting import GPT2_PATTERN

Merge = tuple[str, str]


def merges_of(tokenizer: Tokenizer) -> list[Merge]:
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def frequencies(text: str, merges: list[Merge]) -> Iterator[tuple[int, int]]:
    """How often each merge's pair stands in the text when it is made, and how often the most frequent pair does:
    Sennrich et al. (2016), algorithm 1, says that they are the same."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    words = Counter(split(word)[0][0] for word in regex.findall(GPT2_PATTERN, text))
    parts_of = {word: list(word) for word in words}
    pairs: Counter[Merge] = Counter()
    for word, count in words.items():
        pairs.update({pair: count * times for pair, times in Counter(pairwise(word)).items()})
    for merge in merges:
        yield pairs[merge], max(pairs.values())
        for word, parts in parts_of.items():
            if merge not in pairwise(parts):
                continue
            pairs.subtract({pair: words[word] * times for pair, times in Counter(pairwise(parts)).items()})
            place = 0
            while place < len(parts) - 1:
                if (parts[place], parts[place + 1]) == merge:
                    parts[place : place + 2] = ["".join(merge)]
                place += 1
            pairs.update({pair: words[word] * times for pair, times in Counter(pairwise(parts)).items()})


def test_the_stage_learns_the_reference_merges_up_to_the_order_of_ties(
    tmp_path: Path, shared_data: Callable[[str], Path], make_context: Callable
) -> None:
    """corpus.en trained to 256 bytes, 243 merges and special tokens.

    Each merge is of a most frequent pair, as in the reference. Of pairs that are equally frequent the reference takes
    the larger one in the order of bytes, `tokenizers` the one whose tokens are older; with that the order of merges
    differs, and which of the rarest are made.
    """
    references = shared_data("tokenizer-refs")
    text = (references / "corpus.en").read_text(encoding="utf-8")
    with DocumentWriter(tmp_path / "clean" / "documents", "train", 128) as writer:
        writer.write(Document("0", text))
    config = ByteBPE(vocab_size=256 + 243 + 2, pattern="gpt2", special_tokens=[])
    run(TokenizerStage(tokenizer=config), make_context(tmp_path / "out", clean=tmp_path / "clean"))

    merges = merges_of(Tokenizer.from_file(str(tmp_path / "out" / "tokenizer" / "tokenizer.json")))
    assert len(merges) == 243
    assert all(taken == most for taken, most in frequencies(text, merges))
    lines = (references / "train-bpe-reference-merges.txt").read_text(encoding="utf-8").splitlines()
    reference = {line.replace(" ", "") for line in lines}
    assert len(reference - {"".join(merge) for merge in merges}) <= 3


@pytest.mark.parametrize(("least", "expected"), [(2, ["ab", "cd"]), (3, ["ab"])])
def test_rare_pairs_are_not_merged(least: int, expected: list[str]) -> None:
    config = ByteBPE(vocab_size=256 + 5 + len(expected), min_frequency=least)
    learned = learn(config, iter(["ab\nab\nab\ncd\ncd\nef\n"]), False)
    assert ["".join(merge) for merge in merges_of(learned)] == expected


def test_a_long_word_is_trained_on_in_parts() -> None:
    """What stands across a cut is not counted: of 255 letters and two the last two are in different parts."""
    config = ByteBPE(vocab_size=256 + 5 + 1, min_frequency=1)
    text = "".join(chr(0x100 + place) for place in range(255)) + "zz"
    learned = learn(config, iter([f"{text} {'y' * 256}"]), False)
    assert ("z", "z") not in merges_of(learned)


TRAIN = """
import hashlib, sys
from pydoc_data.topics import topics
from data_prep.tokenizing.byte_bpe import learn
from pipeline.config.tokenizers.byte_bpe import ByteBPE
learned = learn(ByteBPE(vocab_size=2000), iter(topics.values()), False)
print(hashlib.sha256(learned.to_str().encode()).hexdigest())
"""


def test_threads_and_the_order_of_the_text_change_nothing() -> None:
    expected = learn(ByteBPE(vocab_size=2000), reversed(topics.values()), False)
    digest = hashlib.sha256(expected.to_str().encode()).hexdigest()
    for threads in ("1", "2"):
        variables = os.environ | {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
        told = subprocess.run(
            [sys.executable, "-c", TRAIN], env=variables, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == digest
