"""The default values of every section as a plain tree, which Hydra composes the groups onto."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from pipeline.config.base import Section
from pipeline.config.choices import Choice, as_kind
from pipeline.config.root import RootConfig

MISSING = "???"
"""What omegaconf calls a value that has yet to be given."""


def default_values() -> dict[str, Any]:
    """Defaults of the sections that have them; those that come in several kinds come whole from their groups."""
    fields = RootConfig.model_fields.items()
    return {name: _default(field) for name, field in fields if not field.is_required()}


def group_options() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(group, option, default values) of the choices of each section that comes in several kinds."""
    for group, field in RootConfig.model_fields.items():
        if kind := as_kind(field.annotation):
            for name, section in kind.choices().items():
                yield group, name, {key: _default(inner) for key, inner in section.model_fields.items()}


def _default(field: FieldInfo) -> Any:
    return MISSING if field.is_required() else _plain(field.get_default(call_default_factory=True))


def _plain(value: Any) -> Any:
    """As YAML has it. Of a choice within a section only what the section sets of it, since another choice may have
    other keys."""
    if isinstance(value, Choice):
        return {value.tag: value.choice, **value.model_dump(mode="json", exclude_unset=True)}
    if isinstance(value, Section):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    return value
