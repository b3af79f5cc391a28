"""Identity preference optimization (Azar et al., 2024)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.preferences.pairs import PairTask

if TYPE_CHECKING:
    from train.finetuning.preferences.pair_losses import PairLoss


class IPO(PairTask):
    """As DPO, with a squared loss that ends at a gap."""

    needs_reference: ClassVar[bool] = True

    def loss(self, settings: Mapping[str, Any]) -> "PairLoss":
        from train.finetuning.preferences.pair_losses import IPOLoss

        return IPOLoss(**settings)


TASK = IPO()
