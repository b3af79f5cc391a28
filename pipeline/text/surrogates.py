"""Halves of surrogate pairs: JSON can spell one alone, but it is no character, and no UTF-8 file can hold it."""

import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")


def take_out_surrogates(value: Any) -> tuple[Any, int]:
    """A value as JSON has it, its keys included, without lone halves, and how many there were."""
    if isinstance(value, str):
        return _HALF.subn("", value)
    if isinstance(value, list):
        items = [take_out_surrogates(item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, dict):
        pairs = [(take_out_surrogates(key), take_out_surrogates(item)) for key, item in value.items()]
        return {key: item for (key, _), (item, _) in pairs}, sum(a + b for (_, a), (_, b) in pairs)
    return value, 0
