"""The settings of files of Common Crawl."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.config.base import NEUTRAL
from pipeline.config.corpora.base import SingleCorpus


class CommonCrawlCorpus(SingleCorpus):
    """Pages of a crawl of the web, a document each. `corpus=common_crawl corpus.crawl=CC-MAIN-2024-33 clean=web`;
    files that are here already are read by `corpus=files`."""

    implementation: ClassVar[str] = "data_prep.sources.common_crawl"

    kind: Literal["common_crawl"] = "common_crawl"
    crawl: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Its name, as https://commoncrawl.org/get-started lists them."""
    form: Literal["wet", "warc"] = "wet"
    """`wet`: the text that Common Crawl took out, about 120 MB a file, menus included. `warc`: the pages, over 1 GB a
    file, of which trafilatura takes the main text."""
    files: PositiveInt = 1
    """How many of the crawl's files to take, from the first on; each is a sample of the whole crawl."""
    urls: list[Annotated[str, Field(pattern=r"^https?://")]] = []
    """Files to take instead, by their addresses."""
    mirror: Annotated[str, Field(pattern=r"^https?://")] = "https://data.commoncrawl.org"
    connections: Annotated[PositiveInt, Field(le=3), NEUTRAL] = 2
    retries: Annotated[NonNegativeInt, NEUTRAL] = 8
    """Attempts after one that brought nothing, with growing pauses."""

    @property
    def missing(self) -> str:
        return "" if self.crawl or self.urls else "crawl=CC-MAIN-2024-33"
