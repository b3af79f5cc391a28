"""The examples of several tasks, by task and together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from train.finetuning.data import Example, Splits


@dataclass(frozen=True)
class PartExample(Example):
    """An example of one of the tasks."""

    part: str
    example: Example

    @property
    def encoded(self) -> tuple[str, ...]:
        return self.example.encoded


@dataclass(frozen=True)
class MultiSplits(Splits):
    """Training examples task after task; those of validation and test by turns, so that the first ones are of all."""

    parts: Mapping[str, Splits]


def together(parts: Mapping[str, Splits]) -> MultiSplits:
    """The tasks' splits as one."""
    each = parts.values()
    return MultiSplits(
        train=list(chain.from_iterable(_of(name, splits.train) for name, splits in parts.items())),
        validation=_by_turns(_of(name, splits.validation) for name, splits in parts.items()),
        test=_by_turns(_of(name, splits.test) for name, splits in parts.items()),
        left_out=_added(splits.left_out for splits in each),
        leaked=sum(splits.leaked for splits in each),
        unread=_added(splits.unread for splits in each),
        parts=parts,
    )


def _of(name: str, examples: Sequence[Example]) -> list[Example]:
    return [PartExample(example.source, example.targets, name, example) for example in examples]


def _by_turns(parts: Iterable[list[Example]]) -> list[Example]:
    return [example for turn in zip_longest(*parts) for example in turn if example is not None]


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total
