"""Tables as places show them that know no others."""

from collections.abc import Sequence
from typing import Any


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The rows below their columns' names, a line each."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("|".join(["", *map(_cell, line), ""]) for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ⏎ ")
