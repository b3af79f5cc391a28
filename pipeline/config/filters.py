"""Which documents are worth training on: published sets of rules with their published thresholds, and our own."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import Section

Fraction = Annotated[float, Field(ge=0, le=1)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


def _crossed(section: Section, *names: str) -> list[str]:
    found = []
    for name in names:
        least, most = (getattr(section, f"{end}_{name}") for end in ("min", "max"))
        if least is not None and most is not None and least > most:
            found.append(
                f"min_{name}={least} is above max_{name}={most}, which drops every document; change one"
            )
    return found


class GopherQuality(Section):
    """Quality rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A.1)."""

    min_words: PositiveInt | None = 50
    max_words: PositiveInt | None = 100_000
    min_mean_word_length: PositiveFloat | None = 3.0
    """Characters per word. Made for English; not asked of scripts without spaces."""
    max_mean_word_length: PositiveFloat | None = 10.0
    """Made for English; agglutinative languages come close to it."""
    max_symbols_per_word: PositiveFloat | None = 0.1
    """`#`, or ellipses, per word; each alone."""
    max_bullet_lines: Fraction | None = 0.9
    """Share of the lines that begin with a bullet."""
    max_ellipsis_lines: Fraction | None = 0.3
    """Share of the lines that end in an ellipsis."""
    min_alpha_words: Fraction | None = 0.8
    """Share of the words that hold a letter."""
    min_stop_words: PositiveInt | None = 2
    """Different ones of: the, be, to, of, and, that, have, with. English only: set to null for other languages."""

    def problems(self) -> list[str]:
        return _crossed(self, "words", "mean_word_length")


class GopherRepetition(Section):
    """Repetition rules of Gopher (Rae et al., 2021, table A1). What comes a second time, or more often, is repeated.

    Ratios of characters are of those that are not white space.
    """

    max_repeated_lines: Fraction | None = 0.30
    """Share of the lines."""
    max_repeated_paragraphs: Fraction | None = 0.30
    """Share of the paragraphs, which blank lines separate."""
    max_repeated_line_chars: Fraction | None = 0.20
    max_repeated_paragraph_chars: Fraction | None = 0.20
    max_top_2_gram_chars: Fraction | None = 0.20
    """Characters in the most frequent pair of words."""
    max_top_3_gram_chars: Fraction | None = 0.18
    max_top_4_gram_chars: Fraction | None = 0.16
    max_repeated_5_gram_chars: Fraction | None = 0.15
    """Characters in any repeated 5 words in a row, each counted once."""
    max_repeated_6_gram_chars: Fraction | None = 0.14
    max_repeated_7_gram_chars: Fraction | None = 0.13
    max_repeated_8_gram_chars: Fraction | None = 0.12
    max_repeated_9_gram_chars: Fraction | None = 0.11
    max_repeated_10_gram_chars: Fraction | None = 0.10


class C4(Section):
    """Rules of C4 (Raffel et al., 2020, section 2.2), with the thresholds of JMLR 21(140) and of the released code; the
    paper's first version, and those that follow it, ask for lines of 3 words and 5 sentences.

    The first four take lines out of a document: they change its text. The others drop it, and look at what is left.
    """

    terminal_punctuation: bool = True
    """Keep only lines that end a sentence: this takes out headings, lists and verse."""
    min_line_words: PositiveInt | None = 5
    """Keep only lines of as many words."""
    javascript_lines: bool = True
    """Take out lines that mention JavaScript."""
    policy_lines: bool = True
    """Take out lines that mention cookies, terms of use or a privacy policy. English phrases."""
    lorem_ipsum: bool = True
    """Drop documents with the filler text "lorem ipsum"."""
    curly_bracket: bool = True
    """Drop documents with a `{`: code, mostly."""
    min_sentences: PositiveInt | None = 3
    """Drop documents of fewer sentences."""


class FineWeb(Section):
    """Rules that FineWeb adds to those of Gopher and C4 (Penedo et al., 2024, https://arxiv.org/abs/2406.17557)."""

    min_sentence_end_lines: Fraction | None = 0.12
    """Share of the lines that end a sentence; dropped at it or below."""
    max_repeated_line_chars: Fraction | None = 0.1
    """Characters in lines that stand in the document before; dropped at it or above."""
    max_short_lines: Fraction | None = 0.67
    """Share of the lines that are short; dropped at it or above."""
    short_line_chars: PositiveInt = 30
    """A line up to this long is short."""


class FilterConfig(Section):
    """Documents outside these bounds are dropped, each with a named reason. None turns a rule, or a set, off.

    What a corpus itself holds out for validation and test is never filtered, and WikiText not at all.
    """

    min_chars: NonNegativeInt | None = 200
    """A document of fewer characters is dropped."""
    max_chars: PositiveInt | None = None
    min_words: NonNegativeInt | None = None
    """A letter of a script without spaces (Han, Kana, Thai, …) counts as a word."""
    max_mean_word_length: PositiveFloat | None = 20.0
    """Characters per word."""
    max_symbol_ratio: Fraction | None = 0.3
    """Characters that are neither letters, digits nor punctuation, among all that are not white space."""
    min_alpha_ratio: Fraction | None = 0.5
    """Letters among all characters that are not white space."""
    max_repeated_line_ratio: Fraction | None = 0.3
    """Characters in lines that stand in the document before (Rae et al., 2021)."""
    max_bullet_line_ratio: Fraction | None = 0.9
    """Characters in lines that begin with a bullet (Rae et al., 2021, for lines)."""
    max_ellipsis_line_ratio: Fraction | None = 0.3
    """Lines that end in an ellipsis (Rae et al., 2021)."""
    max_invalid_ratio: Fraction | None = 0.001
    """Characters that stand for bytes that were not UTF-8; below this they are only removed."""
    gopher_quality: GopherQuality | None = None
    """`{}` turns the set on, with its published thresholds."""
    gopher_repetition: GopherRepetition | None = None
    """`{}` turns the set on, likewise."""
    c4: C4 | None = None
    """`{}` turns the set on, likewise."""
    fineweb: FineWeb | None = None
    """`{}` turns the set on, likewise."""
    stubs: Literal["keep", "drop"] = "keep"
    """Whether documents of few words of prose (`stub_words`) are dropped."""
    stub_words: PositiveInt = 100
    """Fewer words in sentences make a stub."""
    lists: Literal["keep", "drop"] = "keep"
    """Whether documents that are mostly list items and table rows (`list_ratio`), or called "List of …" in their
    language, are dropped."""
    list_ratio: Fraction = 0.6
    """Characters in list items and table rows, from which a document is a list."""
    languages: Annotated[list[LanguageCode], Field(min_length=1)] | None = None
    """ISO 639 codes of the languages to keep, as `[en, de]`; fastText's lid.176 tells them apart."""
    min_language_score: Fraction = 0.5
    """Probability that the language must have, where `languages` asks."""

    def problems(self) -> list[str]:
        return _crossed(self, "chars")
