"""Odds ratio preference optimization (Hong et al., 2024)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.preferences.pairs import PairTask

if TYPE_CHECKING:
    from train.finetuning.preferences.pair_losses import PairLoss


class ORPO(PairTask):
    """Fine-tuning and preferences in one; there is no reference."""

    needs_reference: ClassVar[bool] = False

    def loss(self, settings: Mapping[str, Any]) -> "PairLoss":
        from train.finetuning.preferences.pair_losses import ORPOLoss

        return ORPOLoss(**settings)


TASK = ORPO()
