"""What a model that judges pairs of texts learns of them, beside the loss of their masked tokens."""

from torch import Tensor
from torch.nn import functional as F

from train.models.interface import IGNORE_INDEX, FigureSum, LossSum


def with_pairs(loss: LossSum, logits: Tensor, pairs: Tensor, labels: Tensor) -> LossSum:
    """The loss of masked tokens with that of the pairs as its `auxiliary`, and loss and accuracy of these as figures.

    A pair weighs as much as its masked tokens. So both means have the same weight, as in BERT, and neither
    micro-batches nor ranks change the sum.

    Args:
        logits: [B, 2].
        pairs: int64 [B], 1 where the texts do not belong together as they stand, or `IGNORE_INDEX`.
        labels: int64 [B, K], of the masked tokens.
    """
    losses = F.cross_entropy(logits.float(), pairs, ignore_index=IGNORE_INDEX, reduction="none")
    weights, count = (labels != IGNORE_INDEX).sum(1), (pairs != IGNORE_INDEX).sum()
    right = (logits.argmax(-1) == pairs).sum()
    figures = {"pair_loss": FigureSum(losses.detach().sum(), count), "pair_accuracy": FigureSum(right, count)}
    return loss._replace(auxiliary=(losses * weights).sum(), figures={**loss.figures, **figures})
