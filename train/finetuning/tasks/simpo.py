"""Simple preference optimization (Meng et al., 2024)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.preferences.pairs import PairTask

if TYPE_CHECKING:
    from train.finetuning.preferences.pair_losses import PairLoss


class SimPO(PairTask):
    """The reward is what generation maximizes; there is no reference."""

    needs_reference: ClassVar[bool] = False

    def loss(self, settings: Mapping[str, Any]) -> "PairLoss":
        from train.finetuning.preferences.pair_losses import SimPOLoss

        return SimPOLoss(**settings)


TASK = SimPO()
