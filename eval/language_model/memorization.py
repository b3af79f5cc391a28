"""How much of its training text a causal model recites (Carlini et al., 2023, "Quantifying Memorization Across Neural
Language Models"): the share of passages that it continues just as they stand, against passages that it never read.
"""

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np

from eval.results import MEMORIZATION, Bootstrap, Result, shown
from pipeline.config.evaluation import DecodeConfig, EvaluateConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.shards import TokenStream
from pipeline.progress import progress
from train.data.passages import PassageFinder
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.models import WritingModel

LOOKED_UP = 16
"""First tokens of a passage by which its other places in the corpus are found."""


def memorization_results(
    model: WritingModel, config: EvaluateConfig, bootstrap: Bootstrap, seed: int, context: Context
) -> list[Result]:
    """The shares, in percent, of training passages that are recited: of all, of those that stand in the training text
    once, and more than once; and of held-out ones.

    Raises:
        UserError: where no document of a split is as long as a passage.
    """
    settings, split = config.memorization, config.perplexity.split
    length = settings.prefix_tokens + settings.tokens
    train, held_out = (TokenStream(context.inputs["shards"], name) for name in ("train", split))
    passages = [draw_passages(stream, settings.prefixes, length, seed) for stream in (train, held_out)]
    with progress("reciting", sum(map(len, passages)), "passages", enabled=context.run.progress) as bar:
        recited, unread = (
            _recited(model, rows, settings.prefix_tokens, config.decode.batch_size, bar.advance)
            for rows in passages
        )
    counts = count_occurrences(train, passages[0])
    groups = {
        "memorized": ("train", recited),
        "memorized_once": ("train", recited[counts == 1]),
        "memorized_repeated": ("train", recited[counts > 1]),
        "memorized_held_out": (split, unread),
    }
    return shown(
        _results(groups, f"prefix:{settings.prefix_tokens}|tokens:{settings.tokens}", bootstrap), MEMORIZATION
    )


def _results(
    groups: dict[str, tuple[str, np.ndarray]], signature: str, bootstrap: Bootstrap
) -> Iterator[Result]:
    for name, (split, recited) in groups.items():
        if units := len(recited):
            share = float(recited.mean())
            low, high = (100 * end for end in wilson_interval(share, units, bootstrap.confidence))
            told = f"split:{split}|{signature}|greedy|wilson|ci:{bootstrap.confidence:g}"
            yield Result("pretrain", name, 100 * share, low, high, units, told)


def wilson_interval(share: float, units: int, confidence: float) -> tuple[float, float]:
    """Ends of the interval of a share (Wilson, 1927). Where none or all were found, as here is common, resampling would
    give an interval of no width."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (share + z * z / (2 * units)) / (1 + z * z / units)
    half = z / (1 + z * z / units) * math.sqrt(share * (1 - share) / units + z * z / (4 * units * units))
    return min(share, middle - half), max(
        share, middle + half
    )  # as rounding may have it: of 0 it begins at 0


def draw_passages(stream: TokenStream, count: int, length: int, seed: int) -> np.ndarray:
    """Passages drawn at random, none twice, from all that lie within a document: int64 [at most `count`, `length`].

    Raises:
        UserError: where there is none.
    """
    bounds = stream.document_starts()
    places = np.maximum(np.diff(bounds) - length, 0)  # the eos behind each document is none of a passage
    ends = np.cumsum(places)
    if not ends[-1]:
        raise UserError(
            f"no document of {stream.name} has {length} tokens, which evaluate.memorization reads and asks for; lower "
            "its prefix_tokens and tokens"
        )
    drawn = np.sort(np.random.default_rng(seed).choice(ends[-1], min(count, int(ends[-1])), replace=False))
    documents = np.searchsorted(ends, drawn, side="right")
    starts = bounds[documents] + drawn - (ends - places)[documents]
    return stream.read_rows(starts, length)


def count_occurrences(stream: TokenStream, passages: np.ndarray) -> np.ndarray:
    """How often each passage, int64 [N, length], stands in the stream: int64 [N]."""
    looked_up = min(LOOKED_UP, passages.shape[1])
    beginnings = list(np.unique(passages[:, :looked_up], axis=0))
    finder = PassageFinder(beginnings, looked_up, stream.index.vocab_size)
    counts = {row.tobytes(): 0 for row in passages}
    for place in finder.runs(stream):
        key = stream.read(place.start, passages.shape[1]).tobytes()
        if key in counts:
            counts[key] += 1
    return np.array([counts[row.tobytes()] for row in passages])


def _recited(
    model: WritingModel, passages: np.ndarray, prefix: int, batch_size: int, advance: Callable[[int], None]
) -> np.ndarray:
    """Of each passage whether the model's likeliest continuation of its first `prefix` tokens is the rest: bool [N]."""
    prompts: list[list[int]] = passages[:, :prefix].tolist()
    rest = passages[:, prefix:]
    greedy = DecodeConfig(method="greedy", max_new_tokens=rest.shape[1], batch_size=batch_size)
    written = generate_ids(model, prompts, greedy, 0, Stops([]), advance=advance)
    return np.array([ids == row for ids, row in zip(written, rest.tolist(), strict=True)])
