"""Keys that an experiment sets for one choice of a section, where another choice is taken that has no such key."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pipeline.config.base import Section
from pipeline.config.choices import as_kind


def left_out_keys(
    root: type[Section], values: Mapping[str, Any], typed: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(section, key) of what stays out: the chosen one has no such key, another choice has it, and nobody typed it.

    Args:
        typed: keys given on the command line, such as `optim.momentum`; there one is a mistake, and is told.
    """
    for name, field in root.model_fields.items():
        kind, section = as_kind(field.annotation), values.get(name)
        if kind is None or not isinstance(section, Mapping):
            continue
        choices, tag = kind.choices(), section.get(kind.tag)
        if not isinstance(tag, str) or tag not in choices:
            continue  # pydantic says what is wrong with it
        chosen = choices[tag]
        elsewhere = {key for choice in choices.values() for key in choice.model_fields}
        for key in section:
            if key not in chosen.model_fields and key in elsewhere and f"{name}.{key}" not in typed:
                yield name, key


def typed_keys(overrides: Iterable[str]) -> list[str]:
    """The keys of overrides such as `optim.lr=1e-3` or `++optim.lr=1e-3`."""
    return [override.lstrip("+").split("=")[0] for override in overrides]


def without_keys(values: Mapping[str, Any], keys: Collection[tuple[str, str]]) -> dict[str, Any]:
    """The values without those keys of their sections."""
    return {
        name: {key: item for key, item in section.items() if (name, key) not in keys}
        if isinstance(section, Mapping)
        else section
        for name, section in values.items()
    }
