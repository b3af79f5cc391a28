"""The labels of classification: which there are, and what is learnt of each example."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.tasks.classify import ClassifyConfig, LabelKind
from pipeline.errors import UserError
from pipeline.formats.row_faults import read_all
from train.finetuning.data import EXAMPLES, Example
from train.finetuning.label_rows import LabelledText

_WHOLE_NUMBER = re.compile(r"-?\d{1,4000}")
"""As long as Python converts one."""
NUMBER = "value"
"""What regression calls its one output."""


def label_names(examples: Sequence[Example]) -> list[str]:
    """The labels that occur, in order; numbers by value.

    Raises:
        UserError: where there is only one.
    """
    labels = {label for example in examples for label in example.targets}
    if len(labels) < 2:
        raise UserError(
            f"all training examples have the label {labels.pop()!r}; a classifier needs two labels or more"
            if labels
            else "no training example has a label; a classifier needs two labels or more"
        )
    if all(_WHOLE_NUMBER.fullmatch(label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


@dataclass(frozen=True)
class LabelSet:
    """What is learnt of an example."""

    kind: LabelKind
    names: list[str]
    numbered: bool = False
    """Whether the data has the labels' numbers, and the settings their names."""

    def of(self, example: Example) -> list[str]:
        """The names of an example's labels.

        Raises:
            UserError: for a label that the training examples lack, and where one label is wanted and there are others.
        """
        found = [self._name(label) for label in example.targets]
        for label in found:
            if label not in self.names:
                raise UserError(
                    f"the label {label!r} of {example.source[:60]!r} is not among those of the "
                    f"training examples ({', '.join(self.names)}); correct it, or add training examples of it"
                )
        if self.kind == "single" and len(found) != 1:
            raise UserError(
                f"{example.source[:60]!r} has {len(found)} labels ({', '.join(found)}), and finetune.kind=single gives "
                "a text one; set finetune.kind=multi, or correct it"
            )
        return list(dict.fromkeys(found))

    def number(self, example: Example) -> float:
        """The number that regression learns.

        Raises:
            UserError: where it is none, or there are others.
        """
        try:
            (text,) = example.targets
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(
                f"{', '.join(example.targets)!r} of {example.source[:60]!r} is not a number, as "
                "finetune.kind=regression learns one; correct it, or set finetune.kind=single"
            )
        return value

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """What the loss compares with: `single` int64 [N], places in `names`; `multi` fp32 [N, names], zeros and
        ones; `regression` fp32 [N, 1].

        Raises:
            UserError: as `of` and `number`, with all such examples.
        """
        unplaced = [("", example) for example in examples]  # what is wrong is said with the text itself
        if self.kind == "regression":
            numbers = [[number] for number in read_all(EXAMPLES, unplaced, lambda _, e: self.number(e))]
            return np.array(numbers, dtype=np.float32).reshape(-1, 1)
        place = {name: number for number, name in enumerate(self.names)}
        labels = read_all(EXAMPLES, unplaced, lambda _, example: self.of(example))
        given = [[place[name] for name in names] for names in labels]
        if self.kind == "single":
            return np.array([places[0] for places in given], dtype=np.int64)
        rows = np.zeros((len(given), len(self.names)), dtype=np.float32)
        for row, places in zip(rows, given, strict=True):
            row[places] = 1
        return rows

    def _name(self, label: str) -> str:
        if self.numbered and label not in self.names and label.isdecimal() and int(label) < len(self.names):
            return self.names[int(label)]
        return label


def find_labels(examples: Sequence[LabelledText], settings: ClassifyConfig) -> LabelSet:
    """What is learnt of training examples.

    Raises:
        UserError: where all have the same label or number, or `label_names` lacks one that occurs.
    """
    kind = settings.kind or _kind(examples)
    if kind == "regression":
        found = LabelSet(kind, [NUMBER])
        if len(np.unique(found.targets(examples))) < 2:
            raise UserError(
                f"all training examples have the number {examples[0].targets[0]}; there is nothing to learn"
            )
        return found
    occurring = label_names(examples)
    if settings.label_names is None:
        return LabelSet(kind, occurring)
    return LabelSet(kind, settings.label_names, numbered=True)


def _kind(examples: Sequence[LabelledText]) -> LabelKind:
    if any(example.several and len(example.targets) != 1 for example in examples):
        return "multi"
    labels = {label for example in examples for label in example.targets}
    if all(map(_is_number, labels)) and any(float(label) % 1 for label in labels):
        return "regression"
    return "single"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def label_weights(labels: LabelSet, targets: np.ndarray, settings: ClassifyConfig) -> list[float] | None:
    """How much each label counts in the loss; None where all count alike.

    Args:
        targets: of the training examples.

    Raises:
        UserError: for a weight of what is no label.
    """
    given = settings.class_weights
    if given is None:
        return None
    if unknown := sorted(set(given) - set(labels.names)) if isinstance(given, dict) else []:
        raise UserError(
            f"finetune.class_weights names {unknown[0]!r}, which is none of the labels ({', '.join(labels.names)})"
        )
    places = targets if labels.kind == "single" else np.nonzero(targets)[1]
    occurs = Counter(places.tolist())
    counts = np.array([max(occurs[place], 1) for place in range(len(labels.names))], dtype=np.float64)
    if isinstance(given, dict):
        weights = np.array([given.get(name, 1.0) for name in labels.names])
    elif labels.kind == "multi":
        return (np.maximum(len(targets) - counts, 1) / counts).tolist()  # without the label over with it
    else:
        weights = 1 / counts
    # The mean over the examples is one, so that the step stays as long as it was.
    return (weights * counts.sum() / (weights * counts).sum()).tolist()
