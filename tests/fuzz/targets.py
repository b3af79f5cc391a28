"""What is fuzzed, by name."""

from collections.abc import Callable
from functools import partial

from tests.fuzz.artifacts import ARTIFACTS
from tests.fuzz.corpora import SOUND, corpus_round
from tests.fuzz.overrides import overrides_round
from tests.fuzz.rounds import Round
from tests.fuzz.rows import examples_round, texts_round

TARGETS: dict[str, Callable[[], Round]] = {
    "overrides": overrides_round,
    **{f"corpus {name}": partial(corpus_round, name) for name in SOUND},
    **{
        f"examples {ending}": partial(examples_round, ending)
        for ending in ("jsonl", "json", "csv", "tsv", "txt", "parquet")
    },
    "evaluation texts": lambda: texts_round,
    **ARTIFACTS,
}
"""Each gives a round; what takes time to set up is set up once, when it is called."""
