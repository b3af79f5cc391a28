"""What an extended tokenizer makes of held-out text, beside what its base makes of it."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from pipeline.context import Context
from pipeline.formats.documents import document_parts, sample_texts
from pipeline.formats.tokenizers import TextEncoder
from pipeline.formats.vocabulary_extension import BASE_FOLDER, EXTENSION_TABLE, VocabularyExtension
from pipeline.text.words import count_words, is_unspaced, word_name


@dataclass
class Counts:
    """Of some texts."""

    bytes: int = 0
    words: int = 0
    characters: int = 0
    """Words that are letters of a text without spaces between words."""
    base_tokens: int = 0
    tokens: int = 0
    old_tokens: int = 0
    """Tokens that the base has, too."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def figures(self) -> dict[str, float]:
        words, before, after = max(self.words, 1), max(self.base_tokens, 1), max(self.tokens, 1)
        return {
            "base_fertility": before / words,
            "fertility": after / words,
            "base_bytes_per_token": self.bytes / before,
            "bytes_per_token": self.bytes / after,
            "kept": self.old_tokens / before,
        }


def compare_with_base(
    encoder: TextEncoder, split: str, megabytes: float, context: Context
) -> dict[str, float]:
    """Tells of each part of the corpus tokens per word, bytes per token, and the share of the base's tokens that stay
    as they are. Returns the base's figures of all parts together.

    Args:
        megabytes: text of each part, at most.
    """
    extension = VocabularyExtension.load(context.folder)
    assert extension is not None
    base, documents = TextEncoder(context.folder / BASE_FOLDER), context.inputs["clean"] / "documents"
    counts = {
        part: _count(sample_texts(documents, split, megabytes, [part]), base, encoder, extension.base_size)
        for part in document_parts(documents, split)
    }
    whole = sum(counts.values(), Counts())
    shown = {**(counts if len(counts) > 1 else {}), "all of it": whole}
    rows = {part: each.figures() for part, each in shown.items()}
    names = list(whole.figures())
    context.tracker.table(
        EXTENSION_TABLE, ["part", *names], [[part, *row.values()] for part, row in rows.items()]
    )
    for part, row in rows.items():
        context.log.info(
            "%s: tokens a %s %.2f, before %.2f; bytes a token %.2f, before %.2f; %.1f%% of the old tokens stay",
            part,
            word_name(shown[part].words, shown[part].characters),
            row["fertility"],
            row["base_fertility"],
            row["bytes_per_token"],
            row["base_bytes_per_token"],
            100 * row["kept"],
        )
    return {name: rows["all of it"][name] for name in ("base_fertility", "base_bytes_per_token")}


def _count(texts: Iterable[str], base: TextEncoder, extended: TextEncoder, base_size: int) -> Counts:
    counts = Counts()
    for text in texts:
        ids = extended.encode(text)
        counts.bytes += len(text.encode())
        words = count_words(text)
        counts.words += words
        counts.characters += words if is_unspaced(text) else 0
        counts.base_tokens += len(base.encode(text))
        counts.tokens += len(ids)
        counts.old_tokens += int((ids < base_size).sum())
    return counts
