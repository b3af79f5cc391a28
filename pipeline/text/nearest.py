"""The name that somebody may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean b?` for a known name that is nearly this one, case aside; nothing where none is."""
    by_form = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), by_form, n=1, cutoff=0.6)
    return f"; did you mean {by_form[near[0]]}?" if near else ""
