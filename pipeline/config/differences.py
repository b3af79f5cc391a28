"""What a configuration sets otherwise than the sections' defaults, or than another configuration."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from pipeline.config.base import Section
from pipeline.config.choices import Choice, as_kind, section_classes

Values = Mapping[str, Any]
MOST_CHARS = 60
"""Of a value that stands in a line."""


class Difference(NamedTuple):
    """A setting that is not its default."""

    key: str
    """As it is typed, such as `optim.lr`."""
    value: Any
    default: Any
    """None, too, where the setting has no default."""


def differences(section: type[Section], values: Values) -> list[Difference]:
    """The settings of a section, as JSON has them, that differ from its defaults, those of sections inside it too.

    Of a section that comes in several kinds the defaults of the choice count, and the choice itself differs where it is
    not the default one. What the section does not know differs, as a plugin's keys do where it is not loaded.
    """
    return list(_compared(values, _defaults(section, values, {}), ""))


class Change(NamedTuple):
    """A setting of which two configurations have other values."""

    key: str
    """As it is typed, such as `optim.lr`."""
    before: Any
    """None, too, where that configuration lacks the setting."""
    now: Any


def changes(before: Values, now: Values) -> list[Change]:
    """The settings that differ, as JSON or YAML has them, those of sections inside sections by themselves."""
    old, new = dict(_leaves(before, "")), dict(_leaves(now, ""))
    return [Change(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]


def _leaves(tree: Values, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def as_typed(value: Any) -> str:
    """A value as it is typed, cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS - 3]}…"


def _compared(values: Values, defaults: Values, prefix: str) -> Iterator[Difference]:
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            yield from _compared(value, default, f"{prefix}{name}.")
        elif value != default:
            yield Difference(f"{prefix}{name}", value, default)


def _defaults(section: type[Section], values: Values, given: Values) -> dict[str, Any]:
    """The default of each of the values.

    Args:
        given: those that what holds the section has for it, and that come before its own.
    """
    tree: dict[str, Any] = {}
    for name, value in values.items():
        field = section.model_fields.get(name)
        default = given[name] if name in given else _default(field)
        if chosen := _chosen(field, value):
            tag = chosen.tag if issubclass(chosen, Choice) else None
            known: Values = default if isinstance(default, Mapping) else {}
            same = tag is None or known.get(tag) == value.get(tag)
            inner = _defaults(chosen, value, known if same else {})
            default = inner if same or tag is None else {**inner, tag: known.get(tag)}
        tree[name] = default
    return tree


def _default(field: FieldInfo | None) -> Any:
    if field is None or field.is_required():
        return None
    return to_jsonable_python(field.get_default(call_default_factory=True))


def _chosen(field: FieldInfo | None, value: Any) -> type[Section] | None:
    """The class of the section that a value is of; None where it is none."""
    if field is None or not isinstance(value, Mapping):
        return None
    if kind := as_kind(field.annotation):
        return kind.choices().get(str(value.get(kind.tag)))
    classes = section_classes(field.annotation)
    return classes[0] if len(classes) == 1 else None
