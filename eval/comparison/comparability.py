"""What two figures of one name do not have in common, from their signatures: see `Result.signature`."""

from collections.abc import Iterator
from dataclasses import dataclass

from eval.comparison.evaluated_run import EvaluatedRun
from eval.comparison.signatures import signature_parts
from eval.comparison.unknown_tokens import PART as UNKNOWN
from eval.comparison.unknown_tokens import describe_unknown
from eval.results import MEMORIZATION, Result, tells_memorization

ACROSS_TOKENIZERS = ("word_perplexity", "bits_per_byte")
"""Figures of text that do not depend on how it is cut into tokens."""
OF_INTERVALS = frozenset({"bs", "ci", "seed", "wilson"})
"""Parts of a signature that tell how the interval was found. They leave the value as it is."""
TOLD = {
    "context": "they read {} and {} tokens at once",
    "stride": "they go on by {} and {} tokens at a time",
    "decoding": "their texts were decoded differently: {} and {}",
    "drawn by": "random draws from the text used the seeds {} and {}",
    "raters": "{} and {} people judged them",
}
"""Parts that belong to what is compared, such as a model's context or how it writes. They are told beside figures."""
BARRING = {
    "tokenizer": "different tokenizers",
    "words": "words are counted differently",
    "objective": "different objectives",
    "sheet": "judged on different sheets",
}
"""What is said of parts that two values must share. Of any other part the two values are told."""
WINDOWS = ("context", "stride")


@dataclass(frozen=True)
class Unlikeness:
    """What two figures do not have in common."""

    barring: str = ""
    """Why they cannot be compared; empty where they can."""
    told: str = ""
    """What to mind where they are compared."""


def unlikeness(
    first: EvaluatedRun, second: EvaluatedRun, ours: Result, theirs: Result, same_examples: bool
) -> Unlikeness:
    """Of a figure of the first run and the same one of the second.

    Args:
        same_examples: both runs answered the same test examples.
    """
    if ours.of_text and not _is_same_text(first, second, ours, theirs):
        return Unlikeness("different texts")
    barring: list[str] = []
    told: list[str] = []
    if _is_of_test_examples(ours) and not same_examples:
        barring.append("different test examples")
    if _is_of_other_passages(first, second, ours):
        barring.append("different training texts")
    for part, values in _unlike_parts(ours, theirs):
        if part == UNKNOWN:
            told.append(describe_unknown((first.name, second.name), ours, theirs))
        elif part in TOLD and not (part in WINDOWS and _windows_were_set(first, second, ours)):
            told.append(TOLD[part].format(*values))
        else:
            barring.append(BARRING.get(part, f"{part}: {' and '.join(values)}"))
    return Unlikeness("; ".join(barring), "; ".join(told))


def _unlike_parts(ours: Result, theirs: Result) -> Iterator[tuple[str, list[str]]]:
    """The parts of the signatures that matter and differ: the name and both values."""
    aside = {*OF_INTERVALS, *_parts_aside(ours)}
    parts = signature_parts(ours), signature_parts(theirs)
    for name in dict.fromkeys([*parts[0], *parts[1]]):
        values = [each.get(name, "none") for each in parts]
        if name not in aside and values[0] != values[1]:
            yield name, values


def _parts_aside(figure: Result) -> set[str]:
    """Parts that need not be equal for figures of this kind."""
    if figure.benchmark:
        return {"tokenizer"}
    if not figure.of_text:
        return set()
    aside = {"split", "file", "tokens"}  # the text is known to be the same
    if figure.name in ACROSS_TOKENIZERS:
        aside.add("tokenizer")
    if figure.name != "word_perplexity":
        aside.add("words")
    return aside


def _is_same_text(first: EvaluatedRun, second: EvaluatedRun, ours: Result, theirs: Result) -> bool:
    """Whether both were measured on one text, and on as much of it."""
    if ours.signature.split("|")[0] != theirs.signature.split("|")[0]:
        return False
    if ours.file is None and first.fingerprint("clean") != second.fingerprint("clean"):
        return False
    documents = [run.documents.get((ours.model, ours.file)) for run in (first, second)]
    if documents[0] and documents[1]:
        return documents[0].is_of_same_text(documents[1])
    parts = signature_parts(ours), signature_parts(theirs)
    if parts[0].get("tokenizer") == parts[1].get("tokenizer"):
        return parts[0].get("tokens") == parts[1].get("tokens")
    return first.config.perplexity.max_tokens is None and second.config.perplexity.max_tokens is None


def _is_of_other_passages(first: EvaluatedRun, second: EvaluatedRun, figure: Result) -> bool:
    """Whether a figure tells how much of its training text a model recites, and the two read different ones."""
    return figure.name in MEMORIZATION and first.fingerprint("shards") != second.fingerprint("shards")


def _is_of_test_examples(figure: Result) -> bool:
    """Whether a figure tells how the task's test examples are answered."""
    of_ratings = "sheet" in signature_parts(figure)
    return not (figure.of_text or figure.benchmark or tells_memorization(figure.name) or of_ratings)


def _windows_were_set(first: EvaluatedRun, second: EvaluatedRun, figure: Result) -> bool:
    """Whether the windows of text differ since the runs set them otherwise, and not as their models do."""
    ours, theirs = (run.config.perplexity for run in (first, second))
    return figure.of_text and (ours.context, ours.stride) != (theirs.context, theirs.stride)
