"""The settings of C4's rules."""

from typing import ClassVar

from pydantic import PositiveInt

from pipeline.config.filters.base import FilterSet


class C4(FilterSet):
    """Rules of C4 (Raffel et al., 2020, section 2.2), with the thresholds of JMLR 21(140) and of the released code; the
    paper's first version, and those that follow it, ask for lines of 3 words and 5 sentences.

    The first four take lines out of a document: they change its text. The others drop it, and look at what is left.
    """

    name: ClassVar[str] = "c4"
    implementation: ClassVar[str] = "data_prep.filters.c4"
    order: ClassVar[int] = 2

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
