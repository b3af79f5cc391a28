"""The layers from a text's vector to its labels, as an architecture's own `…ForSequenceClassification` has them."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PretrainedConfig
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

PAD = 1
"""Any id but the one that is read: a decoder's class looks for a text's last token by its padding."""


class GivenStates(nn.Module):
    """In place of a body: gives hidden states that were made elsewhere, and what the body's pooler makes of them."""

    def __init__(self, body: nn.Module):
        super().__init__()
        pooler = getattr(body, "pooler", None)
        if isinstance(pooler, nn.Module):
            self.pooler = pooler
        self.states: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> BaseModelOutputWithPoolingAndCrossAttentions:
        pooled = self.pooler(self.states) if hasattr(self, "pooler") else None
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=self.states, pooler_output=pooled
        )


class ArchitectureHead(nn.Module):
    """`model.*` is the class of transformers without its body, under the names that its weights have there."""

    def __init__(self, settings: PretrainedConfig, labels: int):
        """Raises: ValueError: where transformers has no such class for the architecture."""
        super().__init__()
        small = copy.deepcopy(settings)
        # The body that it is made with is thrown away.
        small.update({"num_labels": labels, "vocab_size": 2, "num_hidden_layers": 1, "pad_token_id": PAD})
        self.model = AutoModelForSequenceClassification.from_config(
            small, dtype=torch.float32, trust_remote_code=False
        )
        self._given = GivenStates(self.model.base_model)
        setattr(self.model, self.model.base_model_prefix, self._given)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits [N, labels] of vectors [N, H], each read as if it were the state of a text's only token."""
        self._given.states = vectors[:, None]
        try:
            ids = torch.zeros(len(vectors), 1, dtype=torch.int64, device=vectors.device)
            return self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        finally:
            self._given.states = None
