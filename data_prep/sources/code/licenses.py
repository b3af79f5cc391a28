"""The licence of a source file: what its head declares, else what lies in the nearest folder above it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

from identify import identify
from license_expression import ExpressionError, LicenseWithExceptionSymbol, Licensing, get_spdx_licensing

from pipeline.errors import UserError
from pipeline.text.nearest import did_you_mean

_DECLARED = re.compile(r"SPDX-License-Identifier:[ \t]*([\w.+() -]*[\w.+)])")
_HEAD = 4_000
"""Characters in which a file declares its licence."""
_FILE = re.compile(r"(?:un)?licen[cs]e|copying", re.IGNORECASE)
_ENDINGS = {"", ".txt", ".md", ".rst", ".lesser", ".mit", ".apache", ".bsd", ".gpl"}
_LONGEST = 200_000
"""Bytes: no licence is as long."""


def check_licenses(asked: Iterable[str]) -> None:
    """Raises: UserError: for what is no SPDX identifier, with the nearest one."""
    for name in asked:
        if canonical(name) is None or not _licensing().parse(name).isliteral:
            near = did_you_mean(name, [key for key in _licensing().known_symbols if "LicenseRef" not in key])
            raise UserError(
                f"corpus.licenses names {name!r}, which is no identifier of https://spdx.org/licenses"
                + (f"; {near}" if near else "")
            )


def canonical(expression: str) -> str | None:
    """A licence expression in SPDX's spelling; None of what is none."""
    try:
        return str(_licensing().parse(expression, validate=True))
    except ExpressionError:
        return None


def allows(expression: str, asked: Collection[str]) -> bool:
    """Whether a text of this licence may be taken under the licences that are asked for. An exception only adds to what
    its licence allows."""
    return _allows(_licensing().parse(expression), {canonical(name) for name in asked})


def _allows(expression: object, asked: Collection[str | None]) -> bool:
    licensing = _licensing()
    if isinstance(expression, licensing.OR):
        return any(_allows(each, asked) for each in expression.args)
    if isinstance(expression, licensing.AND):
        return all(_allows(each, asked) for each in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol):
        return str(expression) in asked or str(expression.license_symbol) in asked
    return str(expression) in asked


class FileLicenses:
    """The licences of files, with the licence files among them."""

    def __init__(self, files: Iterable[Path]):
        self._files: Mapping[Path, list[Path]] = defaultdict(list)
        for path in files:
            if _FILE.match(path.name) and path.suffix.lower() in _ENDINGS:
                self._files[path.parent].append(path)
        self._known: dict[Path, str | None] = {}

    def of(self, path: Path, text: str) -> str | None:
        """What the head of a file declares after `SPDX-License-Identifier:`, else the licence in the nearest folder
        above it that has one; None where that is no licence of SPDX's. Where a folder has several files, all of them
        hold together, since none says which may be chosen."""
        if declared := _DECLARED.search(text, 0, _HEAD):
            return canonical(declared[1])
        folder = next((folder for folder in path.parents if folder in self._files), None)
        if folder is None:
            return None
        if folder not in self._known:
            found = [_recognized(file) for file in self._files[folder]]
            known = sorted({each for each in found if each})
            self._known[folder] = canonical(" AND ".join(known)) if all(found) else None
        return self._known[folder]


def _recognized(path: Path) -> str | None:
    """Of a text that is, but for its copyright line and a few words, that of a licence."""
    if path.stat().st_size > _LONGEST:
        return None
    try:
        found = identify.license_id(str(path))
    except UnicodeDecodeError:
        return None
    return found and canonical(found)


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()
