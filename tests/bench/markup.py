"""Wikitext to text: megabytes per second of our cleaner, of mwparserfromhell, and of wikiextractor where it runs."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mwparserfromhell

from data_prep.mediawiki.dump import iter_pages, read_site
from data_prep.mediawiki.text import WikitextCleaner
from tests.bench.table import Row

MOST_BYTES = 20_000_000
"""Of wikitext; and of a page, MOST_PAGE_BYTES: mwparserfromhell takes minutes for some that are longer."""
MOST_PAGE_BYTES = 500_000
ROUNDS = 3


def bench_markup(dump: Path | None) -> Iterator[Row]:
    """CPU time over the articles of a dump, page by page in turns, so that both meet the same machine."""
    if dump is None:
        yield ("wikitext to text", "skipped", "no --dump PATH", "")
        return
    pages: list[str] = []
    size = left_out = 0
    for page in iter_pages(dump):
        length = len(page.text.encode())
        if length > MOST_PAGE_BYTES:
            left_out += 1
        elif page.namespace == 0 and page.redirect is None:
            pages.append(page.text)
            size += length
            if size > MOST_BYTES:
                break
    cleaner = WikitextCleaner(read_site(dump))
    note = f", {left_out} longer left out" if left_out else ""
    what = f"wikitext to text, {len(pages)} pages{note}, against"
    others: dict[str, Callable[[str], object] | str] = {
        "mwparserfromhell": lambda text: mwparserfromhell.parse(text).strip_code(),
        "wikiextractor": _wikiextractor(),
    }
    for name, other in others.items():
        if isinstance(other, str):
            yield (f"{what} {name}", "skipped", other, "")
            continue
        ours, theirs, ratios = [], [], []
        for _ in range(ROUNDS):
            seconds = _in_turns(pages, cleaner.clean, other)
            ours.append(size / seconds[0] / 1e6)
            theirs.append(size / seconds[1] / 1e6)
            ratios.append(seconds[1] / seconds[0])
        yield (
            f"{what} {name}",
            f"{statistics.median(ours):.1f} MB/s",
            f"{statistics.median(theirs):.2f} MB/s",
            f"{statistics.median(ratios):.1f}×",
        )


def _in_turns(pages: list[str], *functions: Callable[[str], object]) -> list[float]:
    """Seconds of CPU that each function takes for all pages."""
    seconds = [0.0] * len(functions)
    for page in pages:
        for index, function in enumerate(functions):
            start = time.process_time()
            function(page)
            seconds[index] += time.process_time() - start
    return seconds


def _wikiextractor() -> Callable[[str], object] | str:
    """Its cleaning of a page, or why it doesn't run: it is no dependency, and breaks from Python 3.11 on."""
    try:
        from wikiextractor.extract import Extractor

        def extract(text: str) -> object:
            return Extractor("1", "1", "", "A", [text]).clean_text(text)

        extract("'''A''' is [[b]].")
    except Exception as error:
        return f"does not run: {type(error).__name__}: {str(error).splitlines()[0]}"
    return extract
