"""Text without its case, or without its most frequent words, as older methods want it."""

import re
from collections.abc import Sequence

# fmt: off
ENGLISH = frozenset([
    "a", "about", "above", "after", "again", "against", "all", "am", "an", "and", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could",
    "did", "do", "does", "doing", "down", "during", "each", "few", "for", "from", "further", "had", "has",
    "have", "having", "he", "her", "here", "hers", "herself", "him", "himself", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "itself", "just", "me", "more", "most", "must", "my", "myself", "no",
    "nor", "not", "now", "of", "off", "on", "once", "only", "or", "other", "our", "ours", "ourselves", "out",
    "over", "own", "same", "shall", "she", "should", "so", "some", "such", "than", "that", "the", "their",
    "theirs", "them", "themselves", "then", "there", "these", "they", "this", "those", "through", "to",
    "too", "under", "until", "up", "upon", "very", "was", "we", "were", "what", "when", "where", "which",
    "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "yours", "yourself",
    "yourselves",
])
# fmt: on
"""Function words: articles, pronouns, prepositions, conjunctions, auxiliaries, and adverbs of degree."""


class StopWords:
    """Takes words out of a text, case aside, with a space beside them."""

    def __init__(self, words: Sequence[str]):
        """Args: words: as of `clean.stopwords`; `english` stands for `ENGLISH`."""
        every = {word.casefold() for word in words if word != "english"}
        every |= ENGLISH if "english" in words else frozenset()
        # A word is what stands between two places where letters, digits or apostrophes begin and end: "it" is none of
        # the words of "it's". Before punctuation the space in front of it goes, else the one behind it.
        word = rf"(?:{'|'.join(map(re.escape, sorted(every, key=len, reverse=True)))})(?![\w'’])"
        self._pattern = re.compile(rf"(?:[ \t]+{word})+(?=[^\w\s]|$)|(?<![\w'’]){word}[ \t]*", re.IGNORECASE)

    def take_out(self, text: str) -> str:
        """The text without the words; lines of them alone go, too."""
        lines = []
        for line in text.split("\n"):
            left = self._pattern.sub("", line).rstrip()
            if left or not line:
                lines.append(left)
        return "\n".join(lines).strip()
