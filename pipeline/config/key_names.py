"""What a key is: in the few words with which its documentation begins, and whether files are meant."""

import re
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from pipeline.config.base import Content, Section
from pipeline.config.choices import section_classes
from pipeline.config.root import RootConfig

MOST = 40
"""Characters of a name; what begins with more is no name."""
_NAME = re.compile(r"(?!Of |As )[A-Z][^.;:,(`]*")


def key_name(key: str) -> str:
    """Such as `peak learning rate` of `optim.lr`; empty where the documentation has no short name, or the key is none.

    Of a section that comes in several kinds all that have such a key must say the same.
    """
    name = ""
    for fields in _fields(key):
        told = (" ".join((field.description or "").split()) for field in fields)
        names = {found[0].strip() if (found := _NAME.match(words)) else "" for words in told}
        name = names.pop() if len(names) == 1 else ""
    if len(name) > MOST:
        return ""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def names_files(key: str) -> bool:
    """Whether its value is a path or several, which are looked up when they are read."""
    *_, fields = _fields(key)
    return any(isinstance(fact, Content) for field in fields for fact in field.metadata)


def _fields(key: str) -> Iterator[list[FieldInfo]]:
    """For each part of the key what stands there, in a section that comes in several kinds of each that has it."""
    classes: list[type[Section]] = [RootConfig]
    for part in key.split("."):
        fields = [each.model_fields[part] for each in classes if part in each.model_fields]
        yield fields
        classes = [each for field in fields for each in section_classes(field.annotation)]
