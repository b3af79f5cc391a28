"""Changed copies of training examples, so that a model sees more texts than there are."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Protocol, runtime_checkable

from pipeline.config.augmentation import AUGMENTATIONS, AugmentationConfig
from pipeline.text.words import is_unspaced
from train.finetuning.label_rows import LabelledText


class Augmentation(Protocol):
    """Changes a text a little."""

    @staticmethod
    def change(words: Sequence[str], draw: Random, rate: float) -> list[str]: ...


class AugmentationModule(Protocol):
    """A module of `train/finetuning/augmentation/`, or of a plugin's folder of that name: an `Augmentation`, or one
    that is `Prepared`."""


@runtime_checkable
class Prepared(Protocol):
    """It reads something first that the settings name."""

    @staticmethod
    def prepare(settings: AugmentationConfig) -> Augmentation: ...


@runtime_checkable
class Checked(Protocol):
    """It needs something which may be missing."""

    @staticmethod
    def check() -> None: ...


def check_augmentation(settings: AugmentationConfig) -> None:
    """Raises: UserError: where something that one of them needs is missing."""
    _ways(settings)


def _ways(settings: AugmentationConfig) -> list[Augmentation]:
    return [_way(name, settings) for name in settings.by]


def _way(name: str, settings: AugmentationConfig) -> Augmentation:
    module = AUGMENTATIONS.load(name, AugmentationModule)
    if isinstance(module, Checked):
        module.check()
    return (
        module.prepare(settings) if isinstance(module, Prepared) else AUGMENTATIONS.load(name, Augmentation)
    )


def augmented(examples: Sequence[LabelledText], settings: AugmentationConfig) -> list[LabelledText]:
    """The changed copies, each by one of the named ways in turn. A copy that is as it was is left out.

    What is drawn follows from the seed, the text and the copy's number alone.
    """
    modules = _ways(settings)
    copies = []
    for example in examples:
        for number in range(settings.copies if modules else 0):
            module = modules[number % len(modules)]
            changed = _changed(example.source, module, settings, number)
            if changed != " ".join(example.source.split()) and changed.strip():
                copies.append(replace(example, source=changed))
    return copies


def _changed(text: str, module: Augmentation, settings: AugmentationConfig, number: int) -> str:
    draw = Random(f"{settings.seed}:{number}:{text}")
    if is_unspaced(text):
        return "".join(module.change(list(text), draw, settings.rate))
    return " ".join(module.change(text.split(), draw, settings.rate)) if text.strip() else text
