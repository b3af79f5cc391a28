"""Error rates by edit distance, of jiwer: the shares of words or characters that are substituted, deleted, inserted."""

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from eval.results import Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import space_letters
from pipeline.packages import check_packages

if TYPE_CHECKING:
    from jiwer import CharacterOutput, WordOutput


class Edits(NamedTuple):
    """What turns a reference into a prediction."""

    hits: int
    edits: int
    insertions: int
    """Of the edits."""

    def total(self, of: Literal["reference", "alignment"]) -> int:
        """The units that edits are counted in: those of the reference, or of it and of the prediction aligned."""
        return self.hits + self.edits - (self.insertions if of == "reference" else 0)


def check_jiwer() -> None:
    """Raises: UserError: where jiwer is not installed."""
    check_packages("a word or character error rate", ["jiwer"], "metrics")


def edit_rate(
    name: str,
    texts: GeneratedTexts,
    unit: Literal["words", "characters"],
    of: Literal["reference", "alignment"] = "reference",
) -> Result:
    """Edits of all examples in percent of all units; of several references that with the lowest rate counts.

    Case and punctuation count. Words are what stands between spaces, and each letter of a script without spaces.
    """
    from jiwer import process_characters, process_words

    process = process_words if unit == "words" else process_characters

    def counts(prediction: str, references: list[str]) -> tuple[int, int]:
        found = [_edits(process, reference, prediction, unit) for reference in references]
        best = min(found, key=lambda edits: edits.edits / max(edits.total(of), 1))
        return best.edits, best.total(of)

    pairs = zip(texts.predictions, texts.references, strict=True)
    table = np.array([counts(prediction, list(references)) for prediction, references in pairs])

    def rate(rows: np.ndarray) -> float:
        edits, total = table[rows].sum(0)
        return 100 * float(edits) / max(int(total), 1)

    return texts.result(name, rate, f"unit:{unit}|refs:best|case:mixed|jiwer|version:{version('jiwer')}")


def _edits(
    process: "Callable[[str, str], WordOutput | CharacterOutput]", reference: str, prediction: str, unit: str
) -> Edits:
    if unit == "words":
        reference, prediction = space_letters(reference), space_letters(prediction)
    found = process(reference, prediction)
    edits = found.substitutions + found.deletions + found.insertions
    return Edits(found.hits, edits, found.insertions)
