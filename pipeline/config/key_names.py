"""What a key is, in the few words with which its documentation begins."""

import re

from pipeline.config.choices import section_classes
from pipeline.config.root import RootConfig

MOST = 40
"""Characters of a name; what begins with more is no name."""
_NAME = re.compile(r"(?!Of |As )[A-Z][^.;:,(`]*")


def key_name(key: str) -> str:
    """Such as `peak learning rate` of `optim.lr`; empty where the documentation has no short name, or the key is none.

    Of a section that comes in several kinds all that have such a key must say the same.
    """
    classes: list[type] = [RootConfig]
    name = ""
    for part in key.split("."):
        fields = [each.model_fields[part] for each in classes if part in each.model_fields]
        told = (" ".join((field.description or "").split()) for field in fields)
        names = {found[0].strip() if (found := _NAME.match(words)) else "" for words in told}
        name = names.pop() if len(names) == 1 else ""
        classes = [each for field in fields for each in section_classes(field.annotation)]
    if len(name) > MOST:
        return ""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]
