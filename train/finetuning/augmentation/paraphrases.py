"""Replacement of a text by another that says the same, such as its translation there and back (Sennrich et al.,
2016)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from pipeline.config.augmentation import AugmentationConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, read_each


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
    found = read_each(path, _text_and_paraphrases)
    return Paraphrases({_key(text): others for text, others in found if others})


def _text_and_paraphrases(where: str, row: Fields) -> tuple[str, list[str]]:
    text, others = row.get("text"), row.get("paraphrases")
    if not isinstance(text, str) or not isinstance(others, list):
        raise UserError(f'{where}: a row must be {{"text": "…", "paraphrases": ["…", …]}}')
    return text, [str(other) for other in others if str(other).strip()]


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
