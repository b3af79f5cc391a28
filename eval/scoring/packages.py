"""Packages that some metrics need and that are not always installed."""

from importlib.util import find_spec

from pipeline.errors import UserError


def need(package: str, what: str, extra: str) -> None:
    """Raises: UserError: where the package is not installed; the message says how it becomes so.

    Args:
        what: needs it, in words.
        extra: of this project, that brings it.
    """
    if find_spec(package) is None:
        raise UserError(f"{what} need the package {package}: pip install 'lm-workflow[{extra}]'")
