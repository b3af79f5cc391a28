"""How to undo WikiText's tokenization (Merity et al., 2016).

Words and punctuation are separated by spaces, and `-`, `,` and `.` inside a word or number are written `@-@`,
`@,@` and `@.@`. Published word perplexities count the tokens between spaces and one more per line end.
"""

import re
from itertools import pairwise

_HEADING_MARKS = re.compile(r"(?:= )+")


def detokenize(text: str) -> str:
    """The article as Wikipedia shows it, as far as the tokenization can be undone; `<unk>` stays.

    Headings lose their `=`, and a blank line separates the paragraphs.
    """
    lines = (line.strip() for line in text.split("\n"))
    return "\n\n".join(_detokenize_line(line) for line in lines if line)


# English contractions, possessives and names: `he 's`, `do n't`, `O 'Brien`.
_APOSTROPHE = re.compile(r" (?=n't\b|'\w)")
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r" @([-,.])@ ", r"\1"),
        (r" (?=[,.;:!?%)\]}’”](?:[\s\"']|$))", ""),
        (r"(?<=[(\[{‘“$£€¥₹]) ", ""),
        (r"(?<=\d) – (?=\d)", "–"),
        (r" ([—/]) ", r"\1"),
        (r" ° (?=[CF]\b)", " °"),
        (r" °(?= )", "°"),
        (r"(?<!\S)# (?=\d)", "#"),
    )
)


def _detokenize_line(line: str) -> str:
    opening, closing = _HEADING_MARKS.match(line), _HEADING_MARKS.match(line[::-1])
    if opening and closing and opening.end() == closing.end() < len(line) / 2:
        line = line[opening.end() : -closing.end()]
    line = _APOSTROPHE.sub("", line)
    line = _pair_quotes(line, '"')
    line = _pair_quotes(line, "'")
    for pattern, replacement in _RULES:
        line = pattern.sub(replacement, line)
    return line


def _pair_quotes(line: str, mark: str) -> str:
    """Join quotation marks that stand alone to what they enclose: every other one opens.

    A lone `'` that nothing has opened is a plural possessive where the word before ends in s.
    """
    pieces = f" {line} ".split(f" {mark} ")
    if len(pieces) == 1:
        return line
    out, is_open = [pieces[0]], False
    for before, following in pairwise(pieces):
        closes = is_open or (mark == "'" and before.endswith(("s", "s<unk>")))
        out += [mark, " ", following] if closes else [" ", mark, following]
        is_open = not closes
    return "".join(out).strip()
