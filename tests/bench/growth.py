"""How the time that a text takes grows with its length: `make bench-data ARGS=growth`.

Whoever writes a corpus writes what our regular expressions read, so each of them has to take linear time on any text.
Each reader is given texts that would take a careless one quadratic time, at a length and at eight times that. A row
names the text whose time grows most; where it grows faster than the text does, the benchmark fails.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain

import numpy as np

from data_prep.dedup import cut, units
from data_prep.filters import DocumentFilter, rules
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.text import WikitextCleaner
from data_prep.personal_data.pii import PiiScrubber
from data_prep.reading.wikitext_detokenizer import detokenize
from data_prep.text.document_kind import document_kind
from data_prep.text.normalize import normalize
from data_prep.text.text_features import Features
from pipeline.config.clean import DeduplicateConfig, MarkupConfig, PiiConfig
from pipeline.config.filters import FilterConfig
from pipeline.redaction import redacted
from tests.bench import broken_markup
from tests.bench.broken_markup import Make, repeated
from tests.bench.table import Row

STEP = 8
MOST_GROWTH = 24.0
"""In times the time, where quadratic time would be 64 times."""
SHORT_SECONDS = 0.01
"""Below this the clock and garbage collection decide."""
TRIES = 4
PERSONAL = (
    *(
        "1",
        "1 ",
        "12-",
        "(0",
        "+1",
        "a@",
        "@",
        "a.",
        "1.",
        "1.1.1.1.",
        "2001:",
        "2001::",
        "tel ",
        "DE89 3704 ",
    ),
    *("0 (", "-."),
)


def bench_growth() -> Iterator[Row]:
    """A row for each reader.

    Raises:
        SystemExit: after the last row, where one of them takes more than linear time.
    """
    bad = []
    for reader, (read, size, texts) in readers().items():
        found = {name: growth(read, make, size) for name, make in texts.items()}
        worst = max(found, key=lambda name: found[name])
        times = found[worst]
        if times > MOST_GROWTH:
            bad.append(f"{reader}, on {worst}: {times:.0f} times the time for {STEP} times the text")
        shown = worst if len(worst) < 60 else worst[:59] + "…"
        yield (
            f"growth of {reader}, worst of {len(found)} texts",
            f"{times:.1f}× the time (`{shown}`)",
            f"{STEP}× the text, up to {size:,} characters",
            f"{times / STEP:.2f}×",
        )
    if bad:
        raise SystemExit("more than linear time:\n" + "\n".join(bad))


def growth(read: Callable[[str], object], make: Make, size: int) -> float:
    """How many times the CPU time `read` takes for eight times the text; the least of some tries where it is much."""
    times = float("inf")
    for _ in range(TRIES):
        small, large = (_seconds(read, make(length)) for length in (size // STEP, size))
        times = min(times, max(large, SHORT_SECONDS) / max(small, SHORT_SECONDS))
        if times <= MOST_GROWTH:
            break
    return times


def _seconds(read: Callable[[str], object], text: str) -> float:
    gc.disable()  # its time goes by all that the process has, and not by the text
    try:
        started = time.process_time()
        read(text)
        return time.process_time() - started
    finally:
        gc.enable()


Reader = tuple[Callable[[str], object], int, Mapping[str, Make]]
"""What reads a text, the length of the long ones in characters, and the texts by what they are."""


def readers() -> dict[str, Reader]:
    """All that reads texts of others by regular expressions."""
    pii = PiiScrubber(PiiConfig())
    return {
        **_wikitext_cleaners(),
        "the filters": (
            _filter,
            1_000_000,
            _repeating("a\n", "a b ", "word ", "\n", "汉", "- …\n", "a. ", "{", "the x\n\n"),
        ),
        "personal data": (pii.scrub, 500_000, _repeating(*PERSONAL)),
        "repeated text": (
            _take_out,
            500_000,
            _repeating(
                "a b. ", "a\n", "a\n\n", "a. ", ". ", "汉。", "a ", "“", "a” ", "ฟ", " \n", "\n  a  \n"
            ),
        ),
        "normalization": (
            normalize,
            2_000_000,
            _repeating("\u0316\u0300", "\U0001d165\U0001d16d", " ", "\n \n", " \t", "\r", "\r\n\n", "\u200b"),
        ),
        "detokenization": (
            lambda text: detokenize(f"= {text}x"),
            600_000,
            _repeating("= ", " =", "a ' ", '" ', " @-@ ", " 's ", " ( "),
        ),
        "redaction of secrets": (redacted, 200_000, _repeating("A_", "b@", "?a-", "KEY", "a://b@")),
    }


def _repeating(*units: str) -> dict[str, Make]:
    return {f"{unit!r} many times": partial(repeated, unit) for unit in units}


def _filter(text: str) -> None:
    """All rules, not only those up to the first that drops the text."""
    config = FilterConfig(min_words=1, gopher_quality={}, gopher_repetition={}, c4={}, fineweb={})
    DocumentFilter(config).take_out_lines(text)
    features = Features(text)
    for rule in rules():
        if (own := rule.settings(config)) is not None:
            rule.drops(features, own)
    document_kind(text, "", config)


def _take_out(text: str) -> None:
    """Every third paragraph, line, sentence and passage."""
    least = {"min_paragraph_chars": 1, "min_line_chars": 1, "min_sentence_chars": 1, "passage_words": 2}
    found = units(DeduplicateConfig(paragraphs=True, lines=True, sentences=True, passages=True, **least))
    spans = [unit.spans(text, np.arange(0, len(unit.hashes(text)), 3)) for unit in found]
    cut(text, chain.from_iterable(spans))


def _wikitext_cleaners() -> dict[str, Reader]:
    book = TemplateBook(
        {
            "q": ["all", "\n\n«", ["argument", "1", ["argument", "text", ""]], "»\n\n"],
            "p": ["if", ["argument", "2", ""], ["argument", "2", ""], ["argument", "1", ""]],
            "u": ["use", "p", {"1": ["argument", "1", ""], "2": ["argument", "2", ""]}],
            "w": [
                "switch",
                ["argument", "1", ""],
                ["argument", "2", ""],
                *([str(n), "a"] for n in range(100)),
            ],
        }
    )
    everything = MarkupConfig(tables="text", math="latex", captions=True, link_targets=True, infobox=True)
    least = MarkupConfig(headings=False, lists=False, tables="text")
    prose, pages, runs = (
        WikitextCleaner(Site()),
        dict(broken_markup.pages()),
        dict(broken_markup.endless_runs()),
    )
    cleaners = {
        "wikitext to prose": (prose, pages | runs),
        "wikitext to all that it can keep": (
            WikitextCleaner(Site(), everything, chinese="simplified"),
            pages | runs,
        ),
        "wikitext with learned templates": (
            WikitextCleaner(Site(), templates=book),
            dict(broken_markup.learned_templates()),
        ),
        "wikitext to the least": (WikitextCleaner(Site(), least), dict(broken_markup.mixtures())),
    }
    # 300,000 characters: what the worst real pages have.
    return {name: (cleaner.clean, 300_000, texts) for name, (cleaner, texts) in cleaners.items()}
