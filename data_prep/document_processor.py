"""What happens to a document whatever the others are: the part of cleaning that runs in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from data_prep.deduplicate import digest
from data_prep.filters import first_reason
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner
from data_prep.normalize import normalize
from data_prep.readers import Record
from data_prep.splits import HELD_OUT
from data_prep.text_features import Features, TextCounts
from data_prep.wikitext import detokenize
from pipeline.config.clean import CleanConfig
from pipeline.documents import Document
from pipeline.source import Format

REPLACEMENT = "\ufffd"
"""What decoding puts in the place of bytes that are not UTF-8."""
_BEGINNING = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record."""

    id: str
    title: str
    split: str | None
    """The corpus's own."""
    raw_bytes: int
    """Of the text as the corpus has it."""
    beginning: str
    """For a person to look at."""
    invalid: int
    """Characters that stand for bytes that were not UTF-8."""
    reason: str | None = None
    """Why it is dropped; of a document that is kept, the rest is set."""
    document: Document | None = None
    counts: TextCounts | None = None
    original: TextCounts | None = None
    """Of WikiText's own form, whose words and lines published perplexities count."""
    digest: bytes = b""


@dataclass(frozen=True)
class DocumentProcessor:
    """Cleans, normalizes and filters records of one corpus; picklable, for the workers."""

    config: CleanConfig
    format: Format
    _cleaners: dict[str, WikitextCleaner] = field(default_factory=dict)

    def __call__(self, records: Sequence[Record]) -> list[Outcome]:
        return [self.process(record) for record in records]

    def process(self, record: Record) -> Outcome:
        """The cleaned document, or the reason why it is dropped. Depends on nothing but the record."""
        invalid = record.text.count(REPLACEMENT)
        reason, text = self._clean(record)
        features = Features(text, invalid)
        if reason is None and not text.strip():
            reason = "empty"
        if reason is None and self.is_filtered(record.split):
            reason = first_reason(features, self.config.filters)
        beginning = (text or record.text)[:_BEGINNING]
        raw_bytes = len(record.text.encode("utf-8", "surrogatepass"))
        seen = (record.id, record.title, record.split, raw_bytes, beginning, invalid)
        if reason is not None:
            return Outcome(*seen, reason=reason)
        document = Document(record.id, text, normalize(record.title), record.source, record.meta)
        original = Features(record.text).counts() if self.format == "wikitext" else None
        return Outcome(
            *seen, document=document, counts=features.counts(), original=original, digest=digest(text)
        )

    def is_filtered(self, own_split: str | None) -> bool:
        """WikiText, and what a corpus itself holds out, stay whole: so results on them can be compared."""
        return self.format != "wikitext" and own_split not in HELD_OUT

    def _clean(self, record: Record) -> tuple[str | None, str]:
        """Why the record is no document, or its normalized text."""
        text = record.text
        if record.page is not None:
            page = record.page
            if page.namespace not in self.config.namespaces:
                return "namespace", ""
            if page.redirect is not None:
                return "redirect", ""
            cleaner = self._cleaner(record.site)
            if not self.config.keep_disambiguations and cleaner.is_disambiguation(page):
                return "disambiguation", ""
            text = cleaner.clean(text)
        elif self.format == "wikitext":
            if not self.config.detokenize:
                return None, text  # any change would change the tokens that published perplexities count
            text = detokenize(text)
        return None, normalize(text, self.config.normalization)

    def _cleaner(self, site: Site) -> WikitextCleaner:
        key = f"{site.dbname} {site.base} {site.name}"
        if key not in self._cleaners:
            self._cleaners[key] = WikitextCleaner(site)
        return self._cleaners[key]
