"""A word on a corpus of which most is dropped: filters made for the web may not suit it."""

from data_prep.cleaning.funnel import Funnel
from data_prep.filters import options
from pipeline.text.sizes import size_in_words

NO_LOSS = ("namespace", "no_wikitext", "redirect", "disambiguation", "beyond_max_documents")
"""Reasons for which nothing is dropped that could be meant to stay: of a dump what is no article."""
_SETTINGS = {
    "duplicate": "clean.deduplicate.documents",
    "near_duplicate": "clean.deduplicate.documents",
    "repeated_text": "clean.deduplicate",
    "personal_data": "clean.pii.action",
    "evaluation_text": "clean.contamination.action",
    "oversized_page": "clean.max_page_mb",
}
_NAMED = 3


def describe_losses(funnel: Funnel) -> str | None:
    """What to tell of a corpus of which more than half the documents, or of the text, is dropped; None of others."""
    reasons = [(reason, counts) for reason, counts in funnel.by_frequency() if reason not in NO_LOSS]
    lost = {unit: sum(counts[unit] for _, counts in reasons) for unit in ("documents", "bytes")}
    all_dropped, all_read = funnel.all_dropped, funnel.all_read
    meant = {unit: all_read[unit] - all_dropped[unit] + lost[unit] for unit in lost}
    if all(2 * lost[unit] <= meant[unit] for unit in lost):
        return None
    settings = {reason: f"clean.filters.{option}" for reason, option in options().items()} | _SETTINGS
    commonest = ", ".join(
        f"{reason} ({counts['documents']:,}, {size_in_words(counts['bytes'])}"
        + (f": {settings[reason]})" if reason in settings else ")")
        for reason, counts in reasons[:_NAMED]
    )
    return (
        f"more than half is dropped: {lost['documents']:,} of {meant['documents']:,} documents, "
        f"{size_in_words(lost['bytes'])} of {size_in_words(meant['bytes'])}; most as {commonest}. Look at "
        "tables/dropped_examples.jsonl; loosen what drops text that you want, or clean=keep_all drops none"
    )
