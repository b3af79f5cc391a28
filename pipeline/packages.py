"""Packages that only some settings need: which of them are not installed, told together, with one command for all."""

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from pipeline.errors import UserError


class Need(NamedTuple):
    """What is not installed, and who asks for it."""

    what: str
    """Asks for it, in words, such as `format=onnx`."""
    packages: tuple[str, ...]
    """Those of them that are missing."""
    extra: str
    """Of this project, that brings them."""
    instead: str = ""
    """What to do without them, in words."""


class NotInstalled(UserError):
    """Some packages are missing."""

    def __init__(self, needs: Sequence[Need]):
        self.needs = tuple(dict.fromkeys(needs))
        told = "; ".join(f"{need.what} needs {' and '.join(need.packages)}" for need in self.needs)
        extras = ",".join(dict.fromkeys(need.extra for need in self.needs))
        instead = "".join(f", or {need.instead}" for need in self.needs if need.instead)
        super().__init__(f"{told}: pip install 'lm-workflow[{extras}]'{instead}")


def check_packages(what: str, packages: Iterable[str], extra: str, instead: str = "") -> None:
    """Look whether packages are there, by the names under which they are imported.

    Args:
        what, extra, instead: as of `Need`.

    Raises:
        NotInstalled: with all that are missing.
    """
    if missing := tuple(package for package in packages if find_spec(package) is None):
        raise NotInstalled([Need(what, missing, extra, instead)])


def check_each(checks: Iterable[Callable[[], None]]) -> None:
    """Call all of the checks, so that what is missing for any of them is told at once.

    Raises:
        NotInstalled: with all that is missing.
        UserError: the first other objection of a check.
    """
    needs: list[Need] = []
    for check in checks:
        try:
            check()
        except NotInstalled as missing:
            needs += missing.needs
    if needs:
        raise NotInstalled(needs)
