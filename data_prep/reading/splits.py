"""Which documents are held out."""

from collections.abc import Collection
from hashlib import blake2b

HELD_OUT = ("validation", "test")


def assign_split(
    document_id: str, own: str | None, brought: Collection[str], validation: float, test: float
) -> str:
    """The split of a document.

    What the corpus itself holds out stays held out. Splits that it does not bring are made from a hash of the
    ids: a document stays in its split when others are added or removed, or the order changes.

    Args:
        own: the split that the corpus gives the document, if any.
        brought: the splits that the corpus brings.
        validation, test: the shares to hold out where the corpus brings no such split.
    """
    if own in HELD_OUT:
        return own
    share = hash_share(document_id)
    if share < test:
        return "train" if "test" in brought else "test"
    if share < test + validation:
        return "train" if "validation" in brought else "validation"
    return "train"


def hash_share(document_id: str) -> float:
    """The id's place among all ids, from 0 to 1: those at the beginning are held out."""
    return int.from_bytes(blake2b(document_id.encode(), digest_size=8).digest(), "big") / 2**64
