"""What is looked at before the data stages start: see `pipeline.preflight`."""

import logging
import tempfile
from pathlib import Path

from data_prep.cleaning.chinese import ChineseConverter
from data_prep.filters.quality import held_out_accuracy, read_examples
from data_prep.sources import foretell
from data_prep.tokenizing import build_tokenizer
from pipeline.config.filters.quality import Quality
from pipeline.config.root import RootConfig
from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.known import Known, Warned
from pipeline.tracking.tracker import Tracker

MOST_LEARNED = 50e6
"""Bytes of documents from which a dry run learns a tokenizer, in seconds; more text supports any usual vocabulary."""


def chinese(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where Chinese text is to be converted, and what does it isn't installed."""
    if root.clean.chinese == "as_is":
        return ""
    ChineseConverter(root.clean.chinese)
    return f"Chinese text becomes {root.clean.chinese}"


def quality(root: RootConfig, known: Known) -> str:
    """Say how well the filter that learns from examples tells them apart.

    Raises:
        UserError: where its files name nothing, hold no text, or too few examples.
    """
    own: Quality | None = getattr(root.clean.filters, Quality.name)
    if own is None:
        return ""
    good, bad = read_examples(own.good, "good"), read_examples(own.bad, "bad")
    accuracy = held_out_accuracy(good, bad)
    return (
        f"quality filter: of {len(good):,} good and {len(bad):,} bad examples a classifier that has not seen them "
        f"tells {accuracy:.0%} apart"
    )


def own_files(root: RootConfig, known: Known) -> str:
    """Say what becomes of the user's own text files.

    Raises:
        UserError: where files are of several formats, or of none that is known.
    """
    lines = [line for corpus in root.corpus.by_part.values() for line in foretell(corpus, known)]
    words = "; ".join(lines)
    return Warned(words) if any(isinstance(line, Warned) for line in lines) else words


def vocabulary(root: RootConfig, known: Known) -> str:
    """In a dry run: learn the tokenizer from the documents, where they are there, and throw it away. In a run its stage
    is the next, and says the same.

    Raises:
        UserError: where the text supports fewer tokens than are asked for.
    """
    learns = root.tokenizer.pretrained_path is None or root.tokenizer.adds
    if not root.dryrun or not learns:
        return ""
    clean = known.folder("clean")
    if sum(path.stat().st_size for path in (clean / "documents").glob("*")) > MOST_LEARNED:
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        quiet = logging.Logger("dry run", logging.CRITICAL)
        context = Context(folder, {"clean": clean}, Tracker(folder), quiet, RunConfig(progress=False))
        made = build_tokenizer(root.tokenizer, context)
    return f"the text supports its {len(made):,} tokens"
