"""Rules of C4 (Raffel et al., 2020, https://jmlr.org/papers/v21/20-074.html, section 2.2).

C4 works on lines: `take_out_lines` changes the text, and the rules for documents look at what it leaves.
"""

from data_prep.filters.rule import Rule
from pipeline.config.filters.c4 import C4
from pipeline.text.sentences import ends_sentence
from pipeline.text.words import split_words

_POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def take_out_lines(text: str, config: C4) -> str:
    """The text without the lines that C4 takes out; blank lines between those kept stay, one at most."""
    lowered = text.lower()
    phrases = ("javascript",) * config.javascript_lines + _POLICY * config.policy_lines
    unwanted = [phrase for phrase in phrases if phrase in lowered]
    kept: list[str] = []
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped:
            if kept and kept[-1]:
                kept.append("")
        elif (
            (not config.terminal_punctuation or _ends_a_sentence(stripped))
            and (config.min_line_words is None or len(split_words(stripped)) >= config.min_line_words)
            and not (unwanted and any(phrase in stripped.lower() for phrase in unwanted))
        ):
            kept.append(line)
    return "\n".join(kept).strip("\n")


def _ends_a_sentence(line: str) -> bool:
    """As in C4's code: an ellipsis ends none."""
    return ends_sentence(line) and not line.endswith("...")


RULES = (
    Rule("c4_curly_bracket", "c4.curly_bracket", lambda text, own: "{" in text.text),
    Rule("c4_lorem_ipsum", "c4.lorem_ipsum", lambda text, own: "lorem ipsum" in text.text.lower()),
    Rule("c4_few_sentences", "c4.min_sentences", lambda text, own: not text.has_sentences(own.min_sentences)),
)
