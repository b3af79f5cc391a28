"""Any masked language model of `transformers` behind our interface."""

import inspect
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from train.models.hf.model import TransformersModel
from train.models.hf.probes import check_reads
from train.models.interface import IGNORE_INDEX, LossSum, MaskedLanguageModel
from train.models.pairs import with_pairs

PAIR_LOGITS = {
    "next_sentence_label": "seq_relationship_logits",
    "sentence_order_label": "sop_logits",
}
"""What classes of transformers call the labels of pairs, and what they give for them."""


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
        self.judges_pairs = config.pair_head
        if config.pair_head:
            self._pair_logits = self._name_of_pair_logits()
        has_types = getattr(self.model.config, "type_vocab_size", 0) > 1
        self.reads_token_types = has_types and "token_type_ids" in self._body_accepts
        if self.model.device.type != "meta":
            check_reads(self, type(self.model).__name__)

    def _name_of_pair_logits(self) -> str:
        for label, logits in PAIR_LOGITS.items():
            if label in self._accepts:
                return logits
        raise UserError(
            f"model.pair_head=true: {type(self.model).__name__} of transformers has no layers that judge pairs of "
            "texts; leave it and objective.pairs out, or choose an architecture that has some, such as bert or albert"
        )

    def drop_output(self) -> None:
        super().drop_output()
        if self.judges_pairs:
            cast(Any, self.model.base_model).pooler = None  # as in the classes that judge no pairs

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
        pairs: Tensor | None = None,
    ) -> Tensor | LossSum:
        self._places = places
        try:
            given = self.model(**self._inputs(input_ids, segments, lengths, token_types))
        finally:
            self._places = None
        logits = given.prediction_logits if self.judges_pairs else given.logits
        if labels is None:
            return logits
        total = F.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORE_INDEX, reduction="sum"
        )
        loss = LossSum(total, (labels != IGNORE_INDEX).sum())
        return loss if pairs is None else with_pairs(loss, given[self._pair_logits], pairs, labels)

    def judge(self, input_ids: Tensor, *, lengths: Tensor, token_types: Tensor) -> Tensor:
        return self.model(**self._inputs(input_ids, None, lengths, token_types))[self._pair_logits]

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
