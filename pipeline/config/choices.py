"""Sections that come in several kinds, each kind a class in a file of its own: optimizers, schedules, models, …

A kind of thing is a class such as `OptimizerConfig`, direct subclass of `Choice`, whose subclasses are the choices.
Whatever is imported may add one: the modules of the folder, which imports them all, and a user's own package
(`pipeline/config/plugins.py`). Nothing else has to know of it: where a section has a field of the kind, pydantic picks
the choice by its tag, and Hydra offers it as an option of the field's group.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline.config.base import Section
from pipeline.config.module_protocols import as_protocol
from pipeline.errors import UserError

P = TypeVar("P")


class Choice(Section):
    """Base of a section that comes in several kinds."""

    tag: ClassVar[str]
    """The field that tells the choices of a kind apart; each has a `Literal` there, its default."""
    implementation: ClassVar[str]
    """The module that does what the section sets, as text: the planner imports sections and never what trains."""

    @classmethod
    def choices(cls) -> dict[str, type[Self]]:
        """All choices of this kind by the value of their tag, those of plugins included; of a class between the kind
        and some of its choices, these."""
        found: dict[str, type[Self]] = {}
        for section in cls.__subclasses__():
            below = section.choices()
            if cls.tag in section.model_fields:
                below[_tag_of(section)] = section
            elif "implementation" in vars(section) and not below:
                _refuse_without_tag(section)
            for name in below.keys() & found.keys():
                _refuse_same_tag(name, found[name], below[name])
            found |= below
        return found

    @classmethod
    def choose(cls, name: str, **fields: Any) -> Self:
        """The choice of that name with the given settings."""
        return cls.choices()[name](**fields)

    @classmethod
    def expect(cls, section: "Choice") -> Self:
        """The section as one of this class, for code that serves no other.

        Raises:
            TypeError: where it is another.
        """
        if not isinstance(section, cls):
            raise TypeError(f"{cls.__name__} is expected, not {type(section).__name__}")
        return section

    @property
    def choice(self) -> str:
        """The value of this section's tag."""
        return getattr(self, self.tag)

    def completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given settings, and what this section sets besides; those alone where they are of another choice."""
        if given.get(self.tag, self.choice) != self.choice:
            return dict(given)
        return {self.tag: self.choice, **super().completed(given)}

    @classmethod
    def load(cls, protocol: type[P]) -> P:
        """The module that does what such a section sets.

        Args:
            protocol: what is asked of it.

        Raises:
            UserError: where the section names none, or one that is not there or lacks something.
        """
        if (name := getattr(cls, "implementation", None)) is None:
            raise UserError(f"{_where(cls)} has no `implementation`, the name of the module that does it")
        try:
            return as_protocol(importlib.import_module(name), protocol)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # of something that the module needs
            raise UserError(
                f"{_where(cls)} names {name} as its `implementation`, and there is no module {error.name}"
            ) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = cls.choices() if "tag" in vars(cls) else {}
        if not choices:  # one of the choices, or a kind that has none yet
            return handler(source)
        schemas = {name: handler.generate_schema(section) for name, section in choices.items()}
        return core_schema.tagged_union_schema(schemas, discriminator=cls.tag)


def _tag_of(section: type[Choice]) -> str:
    tag = section.model_fields[section.tag].default
    if not isinstance(tag, str):
        raise UserError(
            f"the field `{section.tag}` of {_where(section)} has no default, which is its name: write "
            f'`{section.tag}: Literal["…"] = "…"`'
        )
    return tag


def _refuse_without_tag(section: type[Choice]) -> None:
    raise UserError(
        f"{_where(section)} has no field `{section.tag}`, by which it is chosen: write "
        f'`{section.tag}: Literal["…"] = "…"`'
    )


def _refuse_same_tag(name: str, one: type[Choice], other: type[Choice]) -> None:
    if _where(one) != _where(other):  # and not the same one, imported again
        raise UserError(
            f"{_where(one)} and {_where(other)} both have {one.tag}={name!r}; give one of them another name"
        )


def _where(section: type[Choice]) -> str:
    return f"{section.__module__}.{section.__qualname__}"


def kinds() -> list[type[Choice]]:
    """The kinds of things that have choices."""
    return Choice.__subclasses__()


def tag_fields() -> list[str]:
    """Names of the fields that tell the choices of a section apart."""
    return list(dict.fromkeys(["kind", *(kind.tag for kind in kinds())]))


def as_kind(annotation: Any) -> type[Choice] | None:
    """The kind that a field is annotated with; None where it is annotated with anything else."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, Choice) else None


def section_classes(annotation: Any) -> list[type[Section]]:
    """Classes of the sections that a field with this annotation may hold, of a kind all its choices."""
    if kind := as_kind(annotation):
        return list(kind.choices().values())
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in section_classes(part)]


def import_modules(package: str) -> None:
    """Import all modules of a package, so that the sections in them are known."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")


def import_choices(kind: type[Choice], package: str) -> None:
    """Import all modules of a package, so that the choices of that kind in them are known."""
    import_modules(package)
    for section in [*kind.choices().values(), kind]:  # of these some may hold others, as a mixture its parts
        section.model_rebuild(force=True)
