"""The `shards` section: the files of token ids that training reads."""

from typing import Annotated

from pydantic import PositiveInt

from pipeline.config.base import NEUTRAL, Section


class ShardsConfig(Section):
    """Token shards."""

    shard_mb: PositiveInt | None = None
    """Text, 10^6 bytes, of which at least so much becomes one .bin file: a run of whole files of documents. The last
    file of a split, or of a part in it, may have less. None takes 256, and more for a corpus that would be
    cut into over 4,096 files."""
    workers: Annotated[PositiveInt | None, NEUTRAL] = None
    """Processes; None takes every core this process may use."""
