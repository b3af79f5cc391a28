"""The type of a setting in words, for the documentation."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as limits
from pydantic.fields import FieldInfo

from pipeline.config.base import Section
from pipeline.config.modules import ModuleIn

NAMES = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null", Any: "any"}
SYMBOLS = {limits.Gt: (">", "gt"), limits.Ge: ("≥", "ge"), limits.Lt: ("<", "lt"), limits.Le: ("≤", "le")}


def type_in_words(annotation: Any, metadata: Any = ()) -> str:
    """A type in words, with its bounds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [
            m for item in arguments[1:] for m in (item.metadata if isinstance(item, FieldInfo) else [item])
        ]
        return type_in_words(arguments[0], [*inner, *metadata])
    if origin is Literal:
        words = ", ".join(f"`{choice}`" for choice in arguments)
    elif origin in (Union, types.UnionType):
        words = " or ".join(dict.fromkeys(type_in_words(argument) for argument in arguments))
    elif origin is list:
        words = f"list of {type_in_words(arguments[0])}"
    elif origin is tuple:
        words = " and ".join(type_in_words(argument) for argument in arguments)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        words = "the keys below it"
    elif origin is dict:
        words = f"map of {type_in_words(arguments[0])} to {type_in_words(arguments[1])}"
    else:
        named = next((item for item in metadata if isinstance(item, ModuleIn)), None)
        words = ", ".join(f"`{name}`" for name in named.names()) if named else ""
        words = words or NAMES[annotation]
    return " ".join([words, *_bounds(metadata)])


def _bounds(metadata: Any) -> Iterator[str]:
    for item in metadata:
        if type(item) in SYMBOLS:
            symbol, attribute = SYMBOLS[type(item)]
            yield f"{symbol} {getattr(item, attribute)}"
        elif isinstance(item, limits.MinLen):
            yield "(not empty)"
