"""Prompts for sample texts where none are named: how held-out documents begin, in whatever language they are."""

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.text.words import is_unspaced, split_words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

COUNT = 2
"""How many prompts are made."""
WORDS = 4
"""Of each; of a script without spaces so many letters."""
READ_TOKENS, LOOKED_AT = 64, 50
"""Tokens of a document that its words are looked for in, and documents at most."""


def prompts_or_openings(
    prompts: list[str] | None, shards: Path, tokenizer: "PreTrainedTokenizerFast"
) -> list[str]:
    """The prompts, or where they are None the openings of the validation split; none where nothing is held out."""
    if prompts is not None or not ShardIndex.load(shards).tokens("validation"):
        return prompts or []
    return openings(TokenStream(shards, "validation"), tokenizer)


def openings(stream: TokenStream, tokenizer: "PreTrainedTokenizerFast", count: int = COUNT) -> list[str]:
    """The first words of the first documents of a token stream that begin in different ways.

    Depends on the stream alone, so that two runs on one corpus show what they make of the same prompts.
    """
    starts = stream.document_starts()
    found: dict[str, None] = {}
    for start, end in pairwise(starts[: LOOKED_AT + 1].tolist()):
        ids = stream.read(start, min(READ_TOKENS, end - start))
        if words := first_words(str(tokenizer.decode(ids.tolist(), skip_special_tokens=True))):
            found[words] = None
        if len(found) == count:
            break
    return list(found)


def first_words(text: str) -> str:
    """The beginning of a text's first line that has words, without a last word that may be cut off."""
    for line in text.splitlines(keepends=True):
        if is_unspaced(line):
            return "".join(split_words(line)[:WORDS])
        if found := re.match(rf"\s*(?:\S+\s+){{0,{WORDS - 1}}}\S+(?=\s)", line):
            return found[0]
    return text.strip()
