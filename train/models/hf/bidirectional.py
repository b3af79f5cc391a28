"""Any masked language model of `transformers` behind our interface."""

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.models.huggingface import HuggingFaceConfig
from train.models.hf.model import TransformersModel
from train.models.hf.probes import check_reads
from train.models.interface import IGNORE_INDEX, LossSum, MaskedLanguageModel


class HuggingFaceMaskedModel(TransformersModel, MaskedLanguageModel):
    """See `MaskedLanguageModel` for the methods' contract.

    The head is the architecture's own and reads the places that are asked for alone: its body's hidden states are
    exchanged for those of them on their way to it.
    """

    exported_poolings = ("first",)

    def __init__(self, config: HuggingFaceConfig, vocab_size: int):
        super().__init__(config, vocab_size)
        self._places: Tensor | None = None
        body = self.model.base_model
        body.register_forward_hook(self._keep_places)
        self._body_accepts = frozenset(inspect.signature(body.forward).parameters)
        has_types = getattr(self.model.config, "type_vocab_size", 0) > 1
        self.reads_token_types = has_types and "token_type_ids" in self._body_accepts
        if self.model.device.type != "meta":
            check_reads(self, type(self.model).__name__)

    def _keep_places(self, body: torch.nn.Module, inputs: Any, output: Any) -> Any:
        if self._places is not None:
            hidden = output.last_hidden_state
            index = self._places[..., None].expand(-1, -1, hidden.size(-1))
            output.last_hidden_state = hidden.gather(1, index)
        return output

    def _may_keep_apart(self) -> bool:
        return "attention_mask" in self._body_accepts

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        places: Tensor | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor | LossSum:
        self._places = places
        try:
            logits = self.model(**self._inputs(input_ids, segments, lengths, token_types)).logits
        finally:
            self._places = None
        if labels is None:
            return logits
        total = F.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORE_INDEX, reduction="sum"
        )
        return LossSum(total, (labels != IGNORE_INDEX).sum())

    def hidden(
        self,
        input_ids: Tensor,
        *,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        inputs = self._inputs(input_ids, segments, lengths, token_types)
        return self.model.base_model(**inputs).last_hidden_state

    def _inputs(
        self, input_ids: Tensor, segments: Tensor | None, lengths: Tensor | None, token_types: Tensor | None
    ) -> dict[str, Tensor]:
        """What the class of transformers is given."""
        inputs = {"input_ids": input_ids}
        places = torch.arange(input_ids.size(1), device=input_ids.device)
        if segments is not None:
            # Which of a row's tokens see each other, [B, 1, T, T], and positions that start again at each text.
            inputs["attention_mask"] = (segments[:, :, None] == segments[:, None])[:, None]
            if "position_ids" in self._body_accepts:
                inputs["position_ids"] = places - segments
        elif lengths is not None:
            inputs["attention_mask"] = (places < lengths[:, None]).long()
        if token_types is not None and self.reads_token_types:
            inputs["token_type_ids"] = token_types
        return inputs


Model = HuggingFaceMaskedModel
