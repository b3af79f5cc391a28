"""Exact deduplication: a document equal to an earlier one, white space and case aside, is dropped."""

from hashlib import blake2b

_SLICE = 1 << 20
"""Characters folded at a time, so that a huge document needs no second copy of itself."""
_WHITE_SPACE = b" \t\n"
"""All that normalization leaves."""


def digest(text: str) -> bytes:
    """16 bytes, the same for normalized texts that differ in case and white space only, and for no others."""
    state = blake2b(digest_size=16)
    for start in range(0, len(text), _SLICE):
        folded = text[start : start + _SLICE].casefold().encode("utf-8", "surrogatepass")
        state.update(folded.translate(None, _WHITE_SPACE))
    return state.digest()


class Deduplicator:
    """Remembers every digest: about 110 bytes of memory per document kept.

    Documents of a corpus's own validation and test splits are always kept, and must be offered first: then a
    training document that equals one of them is found and dropped.
    """

    def __init__(self) -> None:
        self._held_out: set[bytes] = set()
        self._seen: set[bytes] = set()

    def hold_out(self, key: bytes) -> None:
        """Remember a document that is kept for evaluation whatever it equals."""
        self._held_out.add(key)

    def reason(self, key: bytes) -> str | None:
        """Why a document with this digest is dropped; None, and remembered, where it is the first."""
        if key in self._held_out:
            return "duplicate_of_held_out"
        if key in self._seen:
            return "duplicate"
        self._seen.add(key)
        return None
