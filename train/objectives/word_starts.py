"""Which tokens begin a word, by how each kind of tokenizer writes that."""

import json
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_SPACES = "Ġ▁ \t\n\r"
"""How a space is written within tokens: by byte-level BPE, by SentencePiece, and as it is."""


def word_starts(tokenizer: "PreTrainedTokenizerFast", vocab_size: int) -> np.ndarray:
    """Whether each token begins a word, bool [vocab_size].

    Of WordPiece all but those with its prefix do. Of the others a token does that begins with a space, or with what is
    no letter or digit; where scripts are written without spaces each character is a word, as BERT has it.
    """
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    prefix = described["model"].get("continuing_subword_prefix")
    is_bytes = "ByteLevel" in json.dumps([described.get("pre_tokenizer"), described.get("decoder")])
    starts = np.ones(vocab_size, bool)
    for token, id in tokenizer.get_vocab().items():
        if id < vocab_size:
            starts[id] = not token.startswith(prefix) if prefix else _starts(token, is_bytes)
    return starts


def _starts(token: str, is_bytes: bool) -> bool:
    if not token or token[0] in _SPACES:
        return True
    text = _of_bytes(token) if is_bytes else token
    if not text:
        return False  # the middle of a character
    kind = unicodedata.category(text[0])
    return kind[0] not in "LNM" or kind == "Lo"


def _of_bytes(token: str) -> str:
    """The text that begins at the token's first byte; empty where that is within a character."""
    codes = _byte_codes()
    raw = bytes(codes[letter] for letter in token if letter in codes)
    return "" if raw and raw[0] & 0xC0 == 0x80 else raw.decode("utf-8", "replace")


def _byte_codes() -> dict[str, int]:
    """The bytes that the letters of a byte-level vocabulary stand for (Radford et al., 2019)."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + n): byte for n, byte in enumerate(hidden)}
