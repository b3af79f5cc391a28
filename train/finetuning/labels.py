"""The labels of classification: which there are, and the number of each example's."""

import re
from collections.abc import Sequence

import numpy as np

from pipeline.errors import UserError
from train.finetuning.data import Example

_WHOLE_NUMBER = re.compile(r"-?\d{1,4000}")
"""As long as Python converts one."""


def label_names(examples: Sequence[Example]) -> list[str]:
    """The labels that occur, in order; numbers by value.

    Raises:
        UserError: where there is only one.
    """
    labels = {example.targets[0] for example in examples}
    if len(labels) < 2:
        raise UserError(
            f"all training examples have the label {labels.pop()!r}; a classifier needs two labels or more"
        )
    if all(_WHOLE_NUMBER.fullmatch(label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def label_ids(examples: Sequence[Example], labels: Sequence[str]) -> np.ndarray:
    """Each example's label as its place in `labels`, int64.

    Raises:
        UserError: for a label that is none of them.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    for example in examples:
        if example.targets[0] not in numbers:
            raise UserError(
                f"the label {example.targets[0]!r} of {example.source[:60]!r} is not among those of the "
                f"training examples ({', '.join(labels)}); correct it, or add training examples of it"
            )
    return np.array([numbers[example.targets[0]] for example in examples], dtype=np.int64)
