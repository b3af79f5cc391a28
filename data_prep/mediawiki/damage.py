"""What of a dump could not be read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a dump that is lost."""

    offset: int
    """Bytes into the file as it lies on disk: exact in plain files and for bz2 blocks, else estimated."""
    bytes: int
    """Of the file as it lies on disk that could not be used, as near as can be told."""
    reason: str
    """A clause."""
