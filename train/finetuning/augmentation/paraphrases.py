"""Replacement of a text by another that says the same, such as its translation there and back (Sennrich et al.,
2016)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from pipeline.config.augmentation import AugmentationConfig
from pipeline.errors import UserError
from pipeline.formats.rows import read_rows


def prepare(settings: AugmentationConfig) -> "Paraphrases":
    """Read the file of `finetune.augmentation.paraphrases`.

    Raises:
        UserError: where there is none, or it holds something else.
    """
    if settings.paraphrases is None:
        raise UserError("finetune.augmentation.by=[paraphrases] needs finetune.augmentation.paraphrases=FILE")
    path = Path(settings.paraphrases).expanduser()
    if not path.is_file():
        raise UserError(
            f"finetune.augmentation.paraphrases={path} is no file; python -m inference.back_translate makes one"
        )
    found: dict[str, list[str]] = {}
    for where, row in read_rows(path):
        text, others = row.get("text"), row.get("paraphrases")
        if not isinstance(text, str) or not isinstance(others, list):
            raise UserError(f'{where}: a row must be {{"text": "…", "paraphrases": ["…", …]}}')
        if kept := [str(other) for other in others if str(other).strip()]:
            found[_key(text)] = kept
    return Paraphrases(found)


class Paraphrases:
    """Knows some texts in other words."""

    def __init__(self, of: Mapping[str, Sequence[str]]):
        self._of = of

    def change(self, words: Sequence[str], draw: Random, rate: float) -> list[str]:
        """One of the text's paraphrases as a whole, whatever the rate; a text that has none stays as it is."""
        found = self._of.get(_key("".join(words)))
        return [draw.choice(found)] if found else list(words)


def _key(text: str) -> str:
    """The text without its white space: texts without spaces come here character by character, others by words."""
    return "".join(text.split())
