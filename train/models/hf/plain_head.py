"""The output matrix of a model of `transformers`, where the logits are its product with the hidden states and no more.

Then the loss can be made a chunk of tokens at a time (`train/models/lm_head.py`). Architectures that cap or scale their
logits keep their own way, which only their own forward pass knows.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from train.models.interface import IGNORE_INDEX
from train.models.lm_head import LMHead

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_CHANGES = (
    "final_logit_softcapping",
    "final_logits_soft_cap",
    "output_logits_soft_cap",
    "logit_scale",
    "logits_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "mup_width_multiplier",
    "output_multiplier",
)
"""What configs call what is done to the logits. For the forecast alone, which has no weights to try it with."""


def seems_plain(settings: "PretrainedConfig") -> bool:
    """Whether a config names nothing that is done to the logits."""
    return all(getattr(settings, name, None) in (None, 1, 1.0) for name in _CHANGES)


def find_head(model: PreTrainedModel, is_plain: Callable[[Tensor], bool]) -> None:
    """Let the output matrix be an `LMHead` with the same weight under the same name, where the logits are plain.

    Args:
        is_plain: asked with the weight whether they are.
    """
    old = model.get_output_embeddings()
    if type(old) is not nn.Linear or old.bias is not None:
        return
    with torch.device("meta"):
        head = LMHead(old.in_features, old.out_features, 0.0)
    head.weight = old.weight
    head.train(old.training)
    model.set_output_embeddings(head)
    if not is_plain(head.weight):
        model.set_output_embeddings(old)


def found_head(model: PreTrainedModel) -> LMHead | None:
    """What makes the loss in chunks; None where the model does not, or adapters have taken its place."""
    head = model.get_output_embeddings()
    return head if isinstance(head, LMHead) else None


def cross_entropy(logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
    """Of logits that are there as a whole."""
    flat = logits.flatten(0, 1).float()
    return F.cross_entropy(flat, labels.flatten(), ignore_index=IGNORE_INDEX, reduction=reduction)
