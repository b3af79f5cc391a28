"""A dump many times over, with changed words, so that its copies are no near duplicates of each other."""

import bz2
import random
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

_WORD = re.compile(rb"(?<= )[a-z]{3,12}(?=[ ,.])")
"""Plain words of sentences: what stands in markup stays, so that it stays as well-formed as it was."""
_SHARE = 0.3
"""Of these words that are replaced, about one in eight of all words. Of two copies 5-word shingles then have a Jaccard
similarity far below any threshold, while the text keeps its lengths and frequencies."""
_TITLE_END, _ID = b"</title>", re.compile(rb"(</ns>\s*<id>)")
_STREAM_PAGES = 100
"""Pages in a bz2 stream, as in Wikipedia's multistream dumps."""
_READ_SIZE = 1 << 20


def replicate(dump: Path, copies: int, folder: Path) -> Iterable[Path]:
    """Write parts of a bz2 file that holds the pages of a dump `copies` times: header, copies, footer.

    Any number of the copies, between the first and the last part, is a dump when put together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header, _, footer = _parts(bz2.decompress(dump.read_bytes()))
    paths = [
        folder / "header.bz2",
        *(folder / f"{copy:03d}.bz2" for copy in range(copies)),
        folder / "footer.bz2",
    ]
    paths[0].write_bytes(bz2.compress(header))
    paths[-1].write_bytes(bz2.compress(footer))
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_write_copy, dump), range(copies), paths[1:-1]))
    return paths


def concatenate(parts: Iterable[Path], path: Path) -> int:
    """Put files together, in bounded memory; gives the size."""
    with path.open("wb") as out:
        for part in parts:
            with part.open("rb") as file:
                while data := file.read(_READ_SIZE):
                    out.write(data)
        return out.tell()


def _write_copy(dump: Path, copy: int, path: Path) -> None:
    _, pages, _ = _parts(bz2.decompress(dump.read_bytes()))
    vocabulary, rng = _WORD.findall(pages), random.Random(copy)
    with path.open("wb") as file:
        for chunk in _chunks(pages):
            file.write(bz2.compress(_changed(chunk, copy, vocabulary, rng) if copy else chunk))


def _changed(pages: bytes, copy: int, vocabulary: list[bytes], rng: random.Random) -> bytes:
    """The pages with other words, drawn as often as the dump has them, and with titles and ids of their own."""

    def other(match: re.Match[bytes]) -> bytes:
        return vocabulary[int(rng.random() * len(vocabulary))] if rng.random() < _SHARE else match[0]

    pages = _WORD.sub(other, pages).replace(_TITLE_END, b" (copy %d)%s" % (copy, _TITLE_END))
    return _ID.sub(rb"\g<1>%d00" % copy, pages)


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the first page, the pages, and what stands behind the last."""
    start, end = content.index(b"<page>"), content.rindex(b"</page>") + len(b"</page>")
    return content[:start], content[start:end], content[end:]


def _chunks(pages: bytes) -> Iterator[bytes]:
    found = [match.start() for match in re.finditer(rb"<page>", pages)][::_STREAM_PAGES]
    for start, end in zip(found, [*found[1:], len(pages)], strict=True):
        yield pages[start:end] + b"\n"
