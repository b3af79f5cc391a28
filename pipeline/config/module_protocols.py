"""What a module has to have that a section or a setting names: a `Protocol` says so, beside the code that asks it."""

import inspect
from types import ModuleType
from typing import TypeVar, cast

from pipeline.errors import UserError

P = TypeVar("P")


def as_protocol(module: ModuleType, protocol: type[P]) -> P:
    """The module, as what is asked of it.

    Raises:
        UserError: where it lacks something.
    """
    asked = {*vars(protocol), *inspect.get_annotations(protocol)}
    lacks = sorted(name for name in asked if not name.startswith("_") and not hasattr(module, name))
    if lacks:
        raise UserError(
            f"{module.__name__} has no {', no '.join(lacks)}; {protocol.__name__} in {protocol.__module__} says what "
            "such a module needs"
        )
    return cast(P, module)
