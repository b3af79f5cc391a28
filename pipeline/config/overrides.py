"""The words of a command line as Hydra takes them, checked before Hydra sees them, which answers some in tracebacks."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from pipeline.config.root import RootConfig
from pipeline.config.word_bounds import joined_settings, misread_words
from pipeline.errors import UserError, first_line
from pipeline.text.full_width import full_width_hint
from pipeline.text.nearest import one_of

_OVERRIDE = re.compile(r"(?P<key>[+~]{0,2}[A-Za-z_]\w*([./@:-]\w+)*)=(?P<value>.*)", re.DOTALL)
_STRUCTURE = re.compile(r"""[\[\]{}()'"\\,]""")
_LIST = re.compile(r"""\[[^\[\]{}()'"\\]*\]""")
_LETTERS = re.compile(r"""[A-Za-z0-9_/+.$%*@?|:= \t,\[\](){}'"\\-]*""")
"""Of Hydra's grammar."""
_TEXT = re.compile(r"""(["']).*?\1""", re.DOTALL)
"""In quotes, where any letter may stand."""
_FORCED = re.compile(r"(?!hydra\.)[a-z_]\w*(\.\w+)*=")

Options = Callable[[str], list[str]]
"""Gives the options of a group; none where there is no group of the name."""


def hydra_overrides(words: Sequence[str], options: Options) -> list[str]:
    """The words with their values quoted where Hydra's grammar needs it, and their keys forced in.

    An override of a key that does not exist would be Hydra's error, one at a time. Forced in, it reaches our own check,
    which reports all unknown keys together, each with the nearest one that exists.

    Raises:
        UserError: with all that is no override, and all choices of a group that there cannot be.
    """
    given = get_args_parser().parse_args(words)
    before = dict(zip(given.overrides[1:], given.overrides, strict=False))
    ready: dict[str, str] = {}

    def is_key(key: str) -> bool:
        """What else has a mark before it, and a mark at the end, may be part of a text: it is told below, or by whoever
        reads the value, where there can be none."""
        top = key.partition(".")[0]
        return top in RootConfig.model_fields or bool(top and options(top))

    misread = list(misread_words(given.overrides, is_key))
    problems = [told for _, told in misread]
    told_already = {word for together, _ in misread for word in together}
    for word in given.overrides:
        if word in told_already:
            continue
        quoted = _quoted(word)
        try:
            override = OverridesParser.create().parse_override(quoted)
        except HydraException as error:
            problems.append(_no_override(word, first_line(error), before.get(word, "")))
            continue
        if not override.key_or_group:
            problems.append(f"{word}: no key stands before the =")
            continue
        group = sorted(
            {*options(override.key_or_group), *_own(given.config_dir or given.config_path, override)}
        )
        if group and (problem := _no_choice(word, override, group)):
            problems.append(problem)
        known = group or override.key_or_group in RootConfig.model_fields
        ready[word] = quoted if known or not _FORCED.match(quoted) else f"++{quoted}"
    if problems:
        raise UserError("\n".join(["the command line is not understood:", *(f"  - {p}" for p in problems)]))
    return [ready.get(word, word) for word in words]


def _own(folder: str | None, override: Override) -> Iterator[str]:
    """Options in a configuration folder of the user's, `--config-dir`."""
    if folder:
        yield from (file.stem for file in (Path(folder) / override.key_or_group).glob("*.yaml"))


def _quoted(word: str) -> str:
    """A plain value with letters that Hydra's grammar lacks, such as `corpus.paths=/home/müller`, in quotes; of a plain
    list, such as `evaluate.prompts=[人工智能]`, its items."""
    found = _OVERRIDE.fullmatch(word)
    if not found or _hydra_knows(found["value"]):
        return word
    key, value = found["key"], found["value"]
    if _LIST.fullmatch(value):
        items = (item.strip() for item in value[1:-1].split(","))
        quoted = (item if _hydra_knows(item) else f'"{item}"' for item in items)
        return f"{key}=[{','.join(quoted)}]"
    return word if _STRUCTURE.search(value) else f'{key}="{value}"'


def _hydra_knows(value: str) -> bool:
    """Whether its letters are of Hydra's grammar."""
    return _LETTERS.fullmatch(value) is not None


def _no_override(word: str, why: str, before: str) -> str:
    """What is wrong with a word. Args: before: the one before it; empty for the first."""
    if told := joined_settings(word):
        return f"{word}: {told}"
    if hint := full_width_hint(_TEXT.sub("", word)):
        return f"{word}: {hint}"
    if "=" not in word:
        told = f"{word}: a setting is written key=value, a choice group=option"
        if "=" in before:
            told += f"; if {before} {word} is one setting, single quotes belong around it: '{before} {word}'"
        return told
    key, _, value = word.partition("=")
    if not _OVERRIDE.fullmatch(word):
        return f"{word}: {key!r} is no key; one is written section.key"
    example = '["…"]' if value.startswith("[") else '"…"'
    return (
        f"{word}: the value cannot be read ({why}); brackets and quotes must be closed, and a text with brackets, "
        f"quotes or commas in it stands in quotes within those of the shell: '{key}={example}' "
        r"""(\" within ARGS="…")"""
    )


def _no_choice(word: str, override: Override, group: list[str]) -> str | None:
    """What is wrong with an override of a group; None where it may be right."""
    name, value, known = override.key_or_group, override._value, ", ".join(group)
    values = value.list if hasattr(value, "list") else value if isinstance(value, list) else [value]
    if override.is_force_add():
        return f"{word}: write {name}=option, without ++, to choose among {known}"
    if isinstance(value, dict) or (override.is_delete() and value is None) or override.is_sweep_override():
        values = [v for v in values if isinstance(v, str)]
    for item in values:
        text = getattr(item, "text", item)  # a quoted string's
        if not isinstance(text, str):
            shown = str(text).lower() if isinstance(text, bool) else "null" if text is None else text
            return f"{name}={shown}: this is no option of {name}; choose one of {known}"
        if text not in group and "${" not in text and not text.startswith("/"):
            why = (
                joined_settings(word)
                or full_width_hint(text)
                or f"there is no such option; {one_of(text, group)}"
            )
            return f"{name}={text}: {why}"
    return None
