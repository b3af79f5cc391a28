"""The settings of a data set of the Hugging Face hub."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.base import NEUTRAL, Content
from pipeline.config.corpora.base import SingleCorpus


class HubCorpus(SingleCorpus):
    """Any data set of the Hugging Face hub that has a text column. `corpus=hub corpus.path=owner/name`"""

    implementation: ClassVar[str] = "data_prep.sources.hub"

    kind: Literal["hub"] = "hub"
    path: Annotated[str, Content(or_name=True)]
    """`owner/name`, or a local folder: of data files, or written by `save_to_disk`."""
    name: str | None = None
    """Configuration of the data set."""
    revision: str | None = None
    """Branch, tag or commit; name a commit where a result must be repeatable."""
    text_field: str = "text"
    splits: Annotated[dict[Literal["train", "validation", "test"], str], Field(min_length=1)] = {
        "train": "train"
    }
    """Our split to theirs, slices like `train[:10%]` included. A lone one is divided by a hash of the ids."""
    streaming: Annotated[bool, NEUTRAL] = False
    """Read over the network without a copy in the cache; slices need the copy."""

    def problems(self) -> list[str]:
        return [] if "train" in self.splits else ["splits.train is missing: name their split to train on"]

    def may_hold_out(self, split: Literal["validation", "test"]) -> bool:
        return split in self.splits
