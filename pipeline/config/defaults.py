"""The default values of every section as a plain tree, which Hydra composes the groups onto."""

from typing import Any

from pipeline.config.base import Section
from pipeline.config.root import RootConfig


def default_values() -> dict[str, Any]:
    """Defaults of the sections that have them; `corpus` and `model` come whole from their groups."""
    values: dict[str, Any] = {}
    for name, field in RootConfig.model_fields.items():
        if not field.is_required():
            default = field.get_default()
            values[name] = default.model_dump(mode="json") if isinstance(default, Section) else default
    return values
