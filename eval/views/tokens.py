"""Tokens as people can read them, in any script."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.text.one_line import in_one_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = {chr(byte): byte for byte in PRINTABLE} | {
    chr(0x100 + number): byte for number, byte in enumerate(sorted(set(range(0x100)) - set(PRINTABLE)))
}
"""What the signs stand for that byte-level vocabularies are written with, as GPT-2's."""
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def readable_tokens(
    tokenizer: "PreTrainedTokenizerFast", text: str, ids: Sequence[int], places: Sequence[tuple[int, int]]
) -> list[str]:
    """What each token stands for in the text. Of a character of several tokens each is that character with a number:
    `語₁`, `語₂`, `語₃`. Line ends and single
    spaces, which would not be seen, are `⏎` and `␣`.

    Args:
        places: beginning and end of each token in the text; the same of a control token.
    """
    names: list[str] = []
    for number, (id, (start, stop)) in enumerate(zip(ids, places, strict=False)):
        if start == stop:
            names.append(token_name(tokenizer, id))
            continue
        part = 1
        while number - part >= 0 and _overlap(places[number - part], (start, stop)):
            part += 1
        is_part = part > 1 or (number + 1 < len(places) and _overlap(places[number + 1], (start, stop)))
        name = text[start:stop]
        names.append(_visible(name) + (str(part).translate(SUBSCRIPTS) if is_part else ""))
    return names


def token_name(tokenizer: "PreTrainedTokenizerFast", id: int) -> str:
    """A token by itself: its text, or where that is a part of a character, its bytes: `bytes E8 AA`."""
    decoded, token = str(tokenizer.decode([id])), str(tokenizer.convert_ids_to_tokens(id))
    if decoded and "\ufffd" not in decoded:
        return _visible(decoded)
    if all(sign in BYTES for sign in token):
        return f"{'byte' if len(token) == 1 else 'bytes'} {' '.join(f'{BYTES[sign]:02X}' for sign in token)}"
    return token


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


def _visible(text: str) -> str:
    return in_one_line(text if text.strip(" ") else "␣" * len(text))
