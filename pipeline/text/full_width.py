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
    """What to say of a text in which only ASCII can be meant; nothing where there is no such character."""
    found = list(dict.fromkeys(letter for letter in text if letter in _ASCII))
    if not found:
        return ""
    there = f"is a full-width {found[0]}" if len(found) == 1 else f"are full-width {' '.join(found)}"
    return f"there {there} here; type the ASCII {' '.join(_ASCII[letter] for letter in found)}".rstrip()


def full_width_path_hint(path: str) -> str:
    """The same of a path that leads nowhere, whose names may have such characters."""
    hint = full_width_hint(path)
    return f"{hint}, unless names have it" if hint else ""
