"""Unknown tokens, which make a model look better than it is beside one whose tokenizer spells every character: that a
character is unknown is told in one cheap token, and which one it is need not be predicted."""

from typing import Literal

from eval.comparison.signatures import signature_parts
from eval.results import Result

MOST = 0.001
"""A share of the tokens so small that even three whole bytes, 24 bits, for each of them are less than 0.01 bits a byte:
of text in which a token has three bytes, as a Chinese character has."""
PART = "unk"
"""Of the signature of figures of text: the share of tokens that are unknown, where there are some."""


def unknown_share(figure: Result) -> float:
    """Of the tokens of the text that the figure was measured on."""
    return float(signature_parts(figure).get(PART, "0%").rstrip("%")) / 100


def looks_better_than_it_is(figure: Result, other: Result) -> bool:
    """Whether a lead of the figure over the other may come of its unknown tokens alone."""
    return unknown_share(figure) - unknown_share(other) > MOST


def describe_unknown(names: tuple[str, str], ours: Result, theirs: Result) -> str:
    """What to mind where two figures with other shares are compared."""
    shares = unknown_share(ours), unknown_share(theirs)
    more: Literal[0, 1] = 0 if shares[0] > shares[1] else 1
    less = 1 - more
    others = f"{shares[less]:.2%}" if shares[less] else "none"
    told = (
        f"{shares[more]:.2%} of the tokens of {names[more]} are unknown and {others} of those of {names[less]}; which "
        f"characters these are need not be predicted, so {names[more]} looks better than it is"
    )
    figures = ours, theirs
    if looks_better_than_it_is(figures[more], figures[less]):
        told += " and is not marked as better"
    return told
