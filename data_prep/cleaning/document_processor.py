"""What happens to a document whatever the others are: the part of cleaning that runs in parallel."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from data_prep.cleaning.candidates import Candidate
from data_prep.cleaning.chinese import ChineseConverter
from data_prep.contamination.index import EvaluationIndex, Overlap
from data_prep.contamination.masking import mask
from data_prep.filters import DocumentFilter
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.text import WikitextCleaner
from data_prep.personal_data.pii import PiiScrubber
from data_prep.reading.readers import Record
from data_prep.reading.splits import HELD_OUT, assign_split
from data_prep.reading.wikitext_detokenizer import detokenize
from data_prep.text.document_kind import document_kind
from data_prep.text.language import detect_language
from data_prep.text.normalize import normalize
from data_prep.text.reduction import StopWords
from data_prep.text.text_features import Features
from pipeline.config.clean import CleanConfig
from pipeline.formats.documents import Document, Meta
from pipeline.formats.source import Format

REPLACEMENT = "\ufffd"
"""What decoding puts in the place of bytes that are not UTF-8."""
WIKITEXT_MODELS = ("wikitext", "proofread-page")
"""The latter is Wikisource's: wikitext with a header."""
CHINESE = "zh"
"""Other languages' Han characters stay: to simplify Japanese would be a mistake."""
_BEGINNING = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record: a candidate, or a reason to drop it."""

    raw_bytes: int
    """Of the text as the corpus has it."""
    invalid: int
    """Characters that stand for bytes that were not UTF-8."""
    beginning: str
    """For a person to look at."""
    reason: str | None = None
    candidate: Candidate | None = None
    pii: Counter[str] = field(default_factory=Counter)
    overlap: Overlap | None = None
    """What evaluation texts it holds."""


@dataclass(frozen=True)
class DocumentProcessor:
    """Cleans, normalizes, filters and protects records of one split of a corpus."""

    config: CleanConfig
    format: Format
    own_split: str | None
    """The corpus's own, of these records."""
    brought: Collection[str]
    """The splits that the corpus brings."""
    contamination: str
    """What to do about evaluation text in training documents: `off`, `report`, `drop` or `mask`."""
    evaluation: Path | None
    """Folder of the index of evaluation texts."""
    templates: Mapping[str, TemplateBook] = field(default_factory=dict)
    """What was learned of the templates of each wiki, by `Site.key`."""

    def process(self, record: Record) -> Outcome:
        """The cleaned document, or the reason why it is dropped. Depends on nothing but the record."""
        config, invalid = self.config, record.text.count(REPLACEMENT)
        reason, text, facts = self._clean(record)
        kept_invalid = text.count(REPLACEMENT)  # a damaged citation says nothing of the text without it
        if reason is None and not self._is_verbatim:
            text = normalize(text, config.normalization)
        raw_bytes = len(record.text.encode("utf-8", "surrogatepass"))
        seen = (raw_bytes, invalid, (text or record.text)[:_BEGINNING])
        if reason is None and self.is_filtered:
            text = self._filter.take_out_lines(text)
        if reason is None and not text.strip():
            reason = "empty"
        if reason is not None:
            return Outcome(*seen, reason=reason)
        title, pii = normalize(record.title), Counter[str]()
        language, score = detect_language(text)
        if self._converter and language == CHINESE:
            text, title = self._converter.convert(text), self._converter.convert(title)
        features = Features(text, kept_invalid)
        kind = document_kind(text, title, config.filters)
        if self.is_filtered:
            reason = self._filter.reason(features, kind, (language, score))
            if reason is None:
                text, pii = self._scrub(text)
                reason = "personal_data" if pii and config.pii.action == "drop" else None
        if reason is not None:
            return Outcome(*seen, reason=reason, pii=pii)
        split = assign_split(
            record.id, self.own_split, self.brought, config.validation_fraction, config.test_fraction
        )
        overlap = self._index.check(text) if split == "train" and self._index else None
        if overlap and self.is_filtered:
            if self.contamination == "mask":
                text = mask(text, overlap.spans)
            if self.contamination == "drop" or not text.strip():
                return Outcome(*seen, reason="evaluation_text", pii=pii, overlap=overlap)
        # Last, so that filters, languages and overlaps are found in the text as people write it.
        text, title = self._reduced(text), self._reduced(title)
        if not text:
            return Outcome(*seen, reason="empty", pii=pii, overlap=overlap)
        if text is not features.text:
            features = Features(text)
        meta = {**record.meta, **facts, "language": language, "kind": kind}
        candidate = Candidate(
            Document(record.id, text, title, record.source, meta),
            split,
            raw_bytes,
            features.counts(),
            Features(record.text).counts() if self.format == "wikitext" else None,
            language,
            kind,
        )
        return Outcome(*seen, candidate=candidate, pii=pii, overlap=overlap)

    @property
    def is_filtered(self) -> bool:
        """WikiText, and what a corpus itself holds out, stay whole: so results on them can be compared."""
        return self.format != "wikitext" and self.own_split not in HELD_OUT

    @property
    def _is_verbatim(self) -> bool:
        """Any change to WikiText would change the words that published perplexities count."""
        return self.format == "wikitext" and not self.config.detokenize

    def _clean(self, record: Record) -> tuple[str | None, str, Meta]:
        """Why the record is no document, or its text and what its markup says of it."""
        text = record.text
        facts: Meta = {}
        if record.page is not None and record.site is not None:
            page = record.page
            if page.namespace not in self.config.namespaces:
                return "namespace", "", facts
            if page.model not in WIKITEXT_MODELS:
                return "no_wikitext", "", facts
            if page.redirect is not None:
                return "redirect", "", facts
            if page.oversized:
                return "oversized_page", "", facts
            cleaner = self._cleaner(record.site)
            if not self.config.keep_disambiguations and cleaner.is_disambiguation(page):
                return "disambiguation", "", facts
            text, facts = cleaner.clean(text, page.title)
        elif self.format == "wikitext" and not self._is_verbatim:
            text = detokenize(text)
        return None, text, facts

    def _reduced(self, text: str) -> str:
        if self._stop_words is not None:
            text = self._stop_words.take_out(text)
        return text.lower() if self.config.lowercase else text

    @cached_property
    def _stop_words(self) -> StopWords | None:
        return StopWords(self.config.stopwords) if self.config.stopwords else None

    def _scrub(self, text: str) -> tuple[str, Counter[str]]:
        return self._scrubber.scrub(text) if self.config.pii.action != "keep" else (text, Counter())

    def _cleaner(self, site: Site) -> WikitextCleaner:
        if site.key not in self._cleaners:
            self._cleaners[site.key] = WikitextCleaner(
                site, self.config.markup, self.config.chinese, self.templates.get(site.key)
            )
        return self._cleaners[site.key]

    @cached_property
    def _cleaners(self) -> dict[str, WikitextCleaner]:
        return {}

    @cached_property
    def _converter(self) -> ChineseConverter | None:
        return None if self.config.chinese == "as_is" else ChineseConverter(self.config.chinese)

    @cached_property
    def _filter(self) -> DocumentFilter:
        return DocumentFilter(self.config.filters)

    @cached_property
    def _scrubber(self) -> PiiScrubber:
        return PiiScrubber(self.config.pii)

    @cached_property
    def _index(self) -> EvaluationIndex | None:
        return EvaluationIndex(self.evaluation) if self.evaluation else None
