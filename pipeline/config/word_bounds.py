"""Words of a command line that are no whole setting, since the shell cut it at a space, or several settings, since no
space stands between them."""

import re
from collections.abc import Callable, Iterator, Sequence

_MARKS = {
    ",": "commas",
    "，": "commas",
    "、": "commas",
    ";": "semicolons",
    "；": "semicolons",
    "\u3000": "full-width spaces",
}
_MARK = f"[{''.join(_MARKS)}]"
_JOINT = re.compile(rf"\s*{_MARK}\s*(?=(?P<key>[A-Za-z_][\w.]*)[=＝])|(?<![=＝]){_MARK}+\s*$")
"""Before the key of a next setting, or at the end of one that has a value."""
_INSIDE = re.compile(r"""(["']).*?\1|\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}""", re.DOTALL)
"""In quotes or brackets, where marks stand within a value."""
_OPEN = re.compile(r"""[\[({]|[=＝]\s*["']""")
"""Where none of these is closed: what is wrong is that, and nobody knows where the setting ends."""
_EQUALS = re.compile(r"\s*[=＝]\s*")
_OPEN_LIST = re.compile(r"[=＝]\s*\[[^\]]*$")
IN_CURLY_QUOTES = re.compile(r"“([^“”]*)”")
_STRUCTURE = re.compile(r"""[\[\]{}()'"\\]""")
_NAME_WITH_BRACKETS = re.compile(
    r"""(?!["'])[^\[\]{}()]+(?:(?:\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\))[^\[\]{}()]*)+"""
)
"""An item such as `a(b).txt`, which is no list or map in a list."""
_BEHIND_LIST = re.compile(rf"(?<=\]){_MARK}+\s*$")
_IN_SINGLE_QUOTES = "stands as a whole in single quotes, also within the quotes of ARGS="


def _any_key(key: str) -> bool:
    return True


def misread_words(
    words: Sequence[str], is_key: Callable[[str], bool] = _any_key
) -> Iterator[tuple[Sequence[str], str]]:
    """Words that are not one setting each, and what to tell of them.

    Args:
        is_key: whether a setting may have this key; of an empty one, whether a mark at the end is one too many.
    """
    start = 0
    while start < len(words):
        end = _end(words, start)
        text = " ".join(words[start:end])
        if told := joined_settings(text, is_key) or (_cut_setting(text) if end > start + 1 else ""):
            yield words[start:end], f"{text}: {told}"
        start = end


def joined_settings(text: str, is_key: Callable[[str], bool] = _any_key) -> str:
    """What to tell of settings that a comma, a semicolon or a full-width space joins; empty where none does."""
    outside, before = text, ""
    while outside != before:  # the innermost brackets first
        outside, before = _INSIDE.sub(lambda found: "_" * len(found[0]), outside), outside
    if _OPEN.search(outside):
        return ""
    joints = [joint for joint in _JOINT.finditer(outside) if is_key(joint["key"] or "")]
    if not joints:
        return ""
    edges = [0, *(edge for joint in joints for edge in joint.span()), len(text)]
    settings = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    kinds = dict.fromkeys(_MARKS[sign] for joint in joints for sign in joint[0] if sign in _MARKS)
    plain = "plain " if "full-width spaces" in kinds else ""
    told = f"settings are separated by {plain}spaces, without {' and '.join(kinds)} between them"
    if any(" " in setting for setting in settings):
        told += f"; one with a space in it {_IN_SINGLE_QUOTES}"
    return f"{told}: {' '.join(map(to_type, settings))}" if settings else told


def _end(words: Sequence[str], start: int) -> int:
    """Behind the last of the words that are one setting, such as `corpus.paths`, `=`, `[my` and `notes]`."""
    text, end = words[start], start + 1
    if not _EQUALS.search(text) and end < len(words) and _EQUALS.match(words[end]):
        text, end = text + words[end], end + 1
    if text[:-1] and _EQUALS.fullmatch(text[-1]) and end < len(words) and not _EQUALS.search(words[end]):
        text, end = text + words[end], end + 1
    if _OPEN_LIST.search(text):
        for last in range(end, len(words)):
            inside, closed, _ = words[last].partition("]")
            if _EQUALS.search(inside):
                break
            if closed:
                return last + 1
    return end


def _cut_setting(text: str) -> str:
    equals = _EQUALS.search(text)
    if equals and " " in equals[0]:
        told = "no spaces stand around the = of a setting"
        if " " in text[equals.end() :]:
            told += f"; one with a space in it {_IN_SINGLE_QUOTES}"
        return f"{told}: {to_type(text)}"
    return (
        "the shell ends a word at a space; put single quotes around the whole setting, also within the quotes of "
        f"ARGS=: {to_type(text)}"
    )


def to_type(setting: str) -> str:
    """The setting as it is typed: no spaces around its `=`, no curly quotes, texts with brackets in double
    quotes, and in single quotes if the shell would cut or change it."""
    key, equals, value = _EQUALS.sub("=", setting, count=1).partition("=")
    value = _BEHIND_LIST.sub("", value)
    if value.startswith("[") and value.endswith("]"):
        value = f"[{','.join(map(_item_to_type, value[1:-1].split(',')))}]"
    setting = f"{key}{equals}{value}"
    return f"'{setting}'" if " " in setting or '"' in setting else setting


def _item_to_type(item: str) -> str:
    item = IN_CURLY_QUOTES.sub(r"\1", item.strip())
    is_text = (" " in item and _STRUCTURE.search(item)) or _NAME_WITH_BRACKETS.fullmatch(item)
    return f'"{item}"' if is_text and '"' not in item else item
