"""How to undo WikiText's tokenization (Merity et al., 2016).

Words and punctuation are separated by spaces, and `-`, `,` and `.` inside a word or number are written `@-@`,
`@,@` and `@.@`. Published word perplexities count the tokens between spaces and one more per line end.
"""

import re

_HEADING = re.compile(r"^((?:= )+)(.*?)((?: =)+)$")


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
    if heading := _HEADING.match(line):
        line = heading[2] if heading[1].count("=") == heading[3].count("=") else line
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
    joined, is_open = pieces[0], False
    for following in pieces[1:]:
        if is_open or (mark == "'" and joined.endswith(("s", "s<unk>"))):
            joined, is_open = f"{joined}{mark} {following}", False
        else:
            joined, is_open = f"{joined} {mark}{following}", True
    return joined.strip()
