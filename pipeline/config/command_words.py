"""Settings of commands that compose no configuration: `key=value` words on the command line, as everywhere."""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipeline.config.base import Section
from pipeline.config.choices import section_classes
from pipeline.config.typed_text import refuse_what_is_not_utf8
from pipeline.config.unsplit_lists import unsplit_lists
from pipeline.config.word_bounds import joined_settings, misread_words
from pipeline.errors import UserError
from pipeline.text.full_width import full_width_hint
from pipeline.text.nearest import did_you_mean
from pipeline.text.validation import objection

S = TypeVar("S", bound=Section)


def read_settings(kind: type[S], words: Sequence[str]) -> S:
    """The settings in `key=value` words, of an inner section `section.key=value`; of a key that is said twice the last
    counts.

    Raises:
        UserError: with all words that are no settings, or all keys and values that are wrong; where a word is not
            UTF-8.
    """
    values: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = defaultdict(dict)
    _refuse_what_is_no_setting(kind, words)
    for _, told in unsplit_lists(words):
        print(told, file=sys.stderr, flush=True)
    for word in words:
        key, _, text = word.partition("=")
        section, dot, name = _as_here(kind, key).rpartition(".")
        (inner[section] if dot else values)[name] = _value(text)
    return read_values(kind, values | inner)


def _refuse_what_is_no_setting(kind: type[Section], words: Sequence[str]) -> None:
    keys, problems, told_already = _keys(kind), list[str](), set[str]()
    for together, told in misread_words(words, keys.__contains__):
        problems.append(told)
        told_already.update(together)
    for word in words:
        refuse_what_is_not_utf8(word, repr(word))
        if "=" not in word and word not in told_already:
            hint = full_width_hint(word)
            problems.append(
                f"{word}: {hint}" if hint else f"{word!r} is no setting: write key=value, such as {keys[0]}=…"
            )
    if problems:
        several = ["the command line is not understood:"] if len(problems) > 1 else []
        raise UserError("\n  - ".join([*several, *problems]))


def _as_here(kind: type[Section], key: str) -> str:
    """The key as this command has it: what the pipeline calls `run.runs` is `runs` here.

    Raises:
        UserError: for the store, where the command finds artifacts by the links in a run's folder.
    """
    section, _, name = key.rpartition(".")
    fields = kind.model_fields
    if section != "run" or "run" in fields or "runs" not in fields:
        return key
    if name == "artifacts" and name not in fields:
        raise UserError("run.artifacts is not needed: a run's folder leads to its artifacts; leave it out")
    return name if name in fields else key


def read_values(kind: type[S], values: Mapping[str, Any]) -> S:
    """The settings with these values.

    Raises:
        UserError: naming all keys and values that are wrong, with what would be right.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_problem(kind, details) for details in error.errors())) from None


def _problem(kind: type[Section], details: ErrorDetails) -> str:
    key, value = ".".join(map(str, details["loc"])), details["input"]
    if details["type"] != "extra_forbidden":
        free = not isinstance(value, str) or details["type"] == "value_error"
        hint = "" if free else joined_settings(f"{key}={value}") or full_width_hint(value)
        return f"{key}={value}: {hint or objection(details['msg'])}"
    return f"{key} is no key; {did_you_mean(key, _keys(kind)) or '--help lists them'}"


def _keys(kind: type[Section]) -> list[str]:
    """Of a section, and of those in it."""
    inner = (
        (name, s) for name, field in kind.model_fields.items() for s in section_classes(field.annotation)
    )
    return [*kind.model_fields, *(f"{name}.{key}" for name, section in inner for key in section.model_fields)]


def _value(text: str) -> Any:
    """As Hydra reads it, for what these sections hold: `null`, lists, and else text that pydantic turns into more."""
    if text in ("null", "None", ""):
        return None
    try:
        return yaml.safe_load(text) if text.startswith("[") else text
    except yaml.YAMLError:
        return text


def _shown(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return "" if default is None else default


def as_typed(description: str) -> str:
    """What docstrings call None is typed as `null`."""
    return re.sub(r"\bNone\b", "null", description)


def usage(kind: type[Section]) -> str:
    """What `--help` prints."""
    rows = [
        (f"{name}={_shown(field)}", as_typed(" ".join((field.description or "").split())))
        for name, field in kind.model_fields.items()
    ]
    width = max(len(setting) for setting, _ in rows)
    return "\n".join([str(kind.__doc__), "", *(f"  {setting:<{width}}  {text}" for setting, text in rows)])
