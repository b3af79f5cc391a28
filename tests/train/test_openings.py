"""Prompts that nobody has named: how held-out documents begin."""

import numpy as np
import pytest

from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream
from train.generation.openings import first_words, openings, prompts_or_openings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The harbour was quiet when the boats", "The harbour was quiet"),
        ("人工智能是计算机科学的一个分支，", "人工智能"),
        ("\n\n= Robert Boulter =\nHe is", "= Robert Boulter ="),  # of fewer words, the last may be cut off
        ("One two three", "One two"),
        ("one", "one"),
        ("", ""),
    ],
)
def test_the_first_words_of_a_text(text: str, words: str) -> None:
    assert first_words(text) == words


def test_they_are_of_the_first_documents_that_differ(tokenizer, tmp_path) -> None:
    texts = ["the cat sat on the mat", "the cat sat on a chair", "we went home in the rain", "never read"]
    with ShardWriter(tmp_path, "validation-00000", np.dtype("uint16")) as writer:
        for text in texts:
            writer.write(np.array([*tokenizer(text).input_ids, 0]))
    index = ShardIndex("uint16", len(tokenizer), 0, "t", {"train": [], "validation": [writer.file]})
    index.save(tmp_path)
    found = openings(TokenStream(tmp_path, "validation"), tokenizer)
    assert found == ["the cat sat on", "we went home in"]
    assert prompts_or_openings(None, tmp_path, tokenizer) == found
    assert prompts_or_openings(["The"], tmp_path, tokenizer) == ["The"]
    assert prompts_or_openings([], tmp_path, tokenizer) == []
