"""What of texts a tokenizer has no token for: the model reads one and the same token in the place of all of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.formats.control_tokens import ControlTokens
from pipeline.text.counts import counted
from pipeline.text.one_line import in_one_line

_SHOWN = 8
"""How many are named at most."""


@dataclass(frozen=True)
class UnknownText:
    """The parts of some texts that a tokenizer does not know."""

    parts: tuple[str, ...]
    """In order. Characters; or words, where the tokenizer takes a word with an unknown character as unknown."""
    characters: int
    """Of the texts altogether."""

    def describe(self, texts: str) -> str:
        """In words; empty where all is known.

        Args:
            texts: what the texts are called, such as `the prompt`.
        """
        if not self.parts:
            return ""
        what = "character" if all(len(part) == 1 for part in self.parts) else "word"
        different = list(dict.fromkeys(self.parts))
        share = 100 * sum(map(len, self.parts)) / self.characters
        named = " ".join(map(_visible, different[:_SHOWN])) + (" …" if different[_SHOWN:] else "")
        count = counted(len(self.parts), f"{what} of {texts} is", f"{what}s of {texts} are")
        all_shown = len(self.parts) <= _SHOWN
        details = "" if all_shown else f" ({len(different):,} different, {share:.2g}% of the text)"
        return f"{count} unknown to the tokenizer{details}: {named}"


def _visible(part: str) -> str:
    """What nobody would see, such as a no-break space, by its number."""
    shown = in_one_line(part)
    return shown if shown.isprintable() and shown.strip() else " ".join(f"U+{ord(each):04X}" for each in part)


def unknown_text(control: ControlTokens, texts: Iterable[str]) -> UnknownText:
    """Find what of the texts the tokenizer does not know. A tokenizer of bytes knows everything.

    Args:
        control: of the tokenizer.
    """
    texts = list(texts)
    characters = sum(map(len, texts))
    if control.unknown_id is None:
        return UnknownText((), characters)
    unknown = control.unknown_id
    ids = control.encode_texts(texts)
    lacking = [text for text, row in zip(texts, ids, strict=True) if unknown in row]
    found = [
        text[start:end]
        for text, (row, places) in zip(lacking, control.encode_located(lacking), strict=True)
        for id, (start, end) in zip(row, places, strict=True)
        if id == unknown
    ]
    parts = found if control.knows_words else [character for part in found for character in part]
    return UnknownText(tuple(parts), characters)
