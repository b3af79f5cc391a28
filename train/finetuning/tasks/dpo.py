"""Direct preference optimization (Rafailov et al., 2023)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from train.finetuning.preferences.pairs import PairTask

if TYPE_CHECKING:
    from train.finetuning.preferences.pair_losses import PairLoss


class DPO(PairTask):
    """An answer's reward is how much likelier it has become than it was when training began."""

    def loss(self, settings: Mapping[str, Any]) -> "PairLoss":
        from train.finetuning.preferences.pair_losses import DPOLoss

        return DPOLoss(**settings)


TASK = DPO()
