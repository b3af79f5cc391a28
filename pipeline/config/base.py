"""The base of every configuration section: frozen, typed, strict about unknown keys."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo


class _Neutral:
    """Marks a field that does not change a stage's result, so it stays out of the fingerprint."""

    def __repr__(self) -> str:
        return "NEUTRAL"


class _Horizon:
    """Marks a field that says how far a run goes. Runs that differ in nothing else may share their first steps."""

    def __repr__(self) -> str:
        return "HORIZON"


@dataclass(frozen=True)
class Content:
    """Marks a path (local, or in a store), list of paths or globs: content enters the fingerprint, not the name."""

    reads: Callable[[Path], Iterable[Path]] | None = None
    """Gives the files in a local folder that are read; None where all of them are."""
    or_name: bool = False
    """Whether the value may also be a name on the Hugging Face hub, which enters as it is."""
    in_order: bool = False
    """Whether it is a map of paths to weights, read one by one in their order, which is part of the identity. They may
    be addresses of data sets on the hub (`hub://…`), too, which enter as they are unless they name a local folder."""
    otherwise: str = ""
    """What else one may do, told where a path names nothing."""


NEUTRAL = _Neutral()
HORIZON = _Horizon()
CONTENT = Content()

# A number of processes, a logging interval, …: anything that may differ between two runs whose
# artifacts are the same.
NeutralInt = Annotated[int, NEUTRAL]
NeutralBool = Annotated[bool, NEUTRAL]
NeutralStr = Annotated[str, NEUTRAL]
Fraction = Annotated[float, Field(ge=0, le=1)]


def content_mark(field: FieldInfo) -> Content | None:
    """The field's mark, where it names files whose content enters the fingerprint."""
    return next((mark for mark in field.metadata if isinstance(mark, Content)), None)


_sections: list[type["Section"]] = []


def all_sections() -> list[type["Section"]]:
    """The classes of all sections, each after those that it may hold."""
    return list(_sections)


class Section(BaseModel):
    """A group of settings. Fields are documented by the docstring below each of them."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,  # JSON has neither, and settings are kept as JSON
        use_attribute_docstrings=True,
        validate_default=True,
        protected_namespaces=(),
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        _sections.append(cls)

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, values: Any) -> Any:
        """Where a part of a field is given that is a section, the rest stays as the field's own default has it."""
        if not isinstance(values, Mapping):
            return values
        given = dict(values)
        for name, field in cls.model_fields.items():
            if isinstance(given.get(name), Mapping) and isinstance(field.default, Section):
                given[name] = field.default.completed(given[name])
        return given

    def completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given settings, and what this section sets besides."""
        return {**self.model_dump(mode="json", exclude_unset=True), **given}

    def problems(self) -> list[str]:
        """Contradictions between this section's own fields, one sentence each, with the remedy.

        Types and ranges are checked by pydantic before; all problems of all sections are reported
        together.
        """
        return []

    def environment(self) -> dict[str, str]:
        """Facts outside the configuration that define the result, such as versions of what is read."""
        return {}
