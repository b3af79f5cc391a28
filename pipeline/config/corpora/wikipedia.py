"""The settings of a Wikimedia project's dump."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from pipeline.config.base import NEUTRAL
from pipeline.config.corpora.base import SingleCorpus


class WikipediaCorpus(SingleCorpus):
    """Article dumps of a Wikimedia project. The English one is over 20 GB compressed; `corpus.parts=1` takes the first
    of its files."""

    implementation: ClassVar[str] = "data_prep.sources.wikipedia"

    kind: Literal["wikipedia"] = "wikipedia"
    project: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "enwiki"
    """Database name: enwiki, zhwiki, simplewiki, enwiktionary, …"""
    date: Annotated[str, BeforeValidator(str), Field(pattern=r"^(latest|\d{8})$")] = "latest"
    """Day of the dump, YYYYMMDD, or `latest`: the newest complete one at the time of the download. Name a day
    where a result must be repeatable elsewhere: dumps are kept for some months. Which day `latest` meant is recorded
    in source.json."""
    parts: PositiveInt | None = None
    """Only the first parts of the dump, for a try; None takes all."""
    mirror: Annotated[str, Field(pattern=r"^https?://")] = "https://dumps.wikimedia.org"
    connections: Annotated[PositiveInt, Field(le=3), NEUTRAL] = 2
    """Parallel downloads; the site asks for at most three."""
    retries: Annotated[NonNegativeInt, NEUTRAL] = 8
    """Attempts after one that brought nothing, with growing pauses."""

    def may_hold_wikipedia(self) -> bool:
        return True
