"""Full-width letters, digits and punctuation, which input methods for Chinese and Japanese type in place of ASCII's."""

_ASCII = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {
    "　": " ",
    "【": "[",
    "】": "]",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "、": ",",
    "。": ".",
}


def full_width_hint(text: str) -> str:
    """What to say of a text in which only ASCII can be meant; nothing where there is no such character.

    Curly quotes are left out and not typed in ASCII, which would end the quotes of `ARGS="…"`.
    """
    found = dict.fromkeys(letter for letter in text if letter in _ASCII)
    quotes = " ".join(letter for letter in found if letter in "“”")
    signs = [letter for letter in found if letter not in "“”\u3000"]
    told: list[str] = []
    if signs:
        there = f"is a full-width {signs[0]}" if len(signs) == 1 else f"are full-width {' '.join(signs)}"
        told.append(f"there {there} here; type the ASCII {' '.join(_ASCII[letter] for letter in signs)}")
    if quotes:
        there = "is a curly" if len(quotes) == 1 else "are curly"
        told.append(f"there {there} {quotes} here; leave {'it' if len(quotes) == 1 else 'them'} out")
    if "\u3000" in found:
        told.append("there is a full-width space here; type a plain space")
    return "; ".join(told)


def full_width_path_hint(path: str) -> str:
    """The same of a path that leads nowhere, whose names may have such characters."""
    hint = full_width_hint(path)
    return f"{hint}, unless the name really contains it" if hint else ""
