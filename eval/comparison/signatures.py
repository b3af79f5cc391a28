"""The parts of a figure's signature."""

from eval.results import Result


def signature_parts(figure: Result) -> dict[str, str]:
    """By name. One without a value, such as `greedy`, is there or not."""
    pairs = (part.partition(":") for part in figure.signature.split("|"))
    return {name: value or "yes" for name, _, value in pairs}
