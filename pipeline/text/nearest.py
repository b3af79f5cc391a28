"""The name that somebody may have meant."""

import difflib
from collections.abc import Iterable

from pipeline.text.full_width import full_width_hint


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Known names that are nearly this one, case aside, the nearest first."""
    by_form = {each.casefold(): each for each in known}
    return [by_form[form] for form in difflib.get_close_matches(name.casefold(), by_form, n=most, cutoff=0.6)]


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str:
    """`did you mean b?`, or `did you mean b or c?`; of a name with full-width letters, which ones; nothing where no
    name is near."""
    if hint := full_width_hint(name):
        return hint
    near = nearest(name, known, most)
    return f"did you mean {' or '.join(near)}?" if near else ""


def one_of(name: str, known: Iterable[str]) -> str:
    """What to tell of a name that there is not: the nearest one, and all that there are; or its full-width letters."""
    known = list(known)
    return full_width_hint(name) or " ".join(
        filter(None, [did_you_mean(name, known), f"There are {', '.join(known)}"])
    )
