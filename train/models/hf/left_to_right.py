"""Any causal language model of `transformers` behind our interface."""

import logging

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from train.models.balance import until_last_label
from train.models.hf.balance import balance_factor
from train.models.hf.model import TransformersModel
from train.models.hf.plain_head import cross_entropy, find_head, found_head
from train.models.hf.probes import (
    check_balance,
    check_causal,
    continues_from_a_cache,
    makes_plain_logits,
)
from train.models.hf.states import KeyValueCache, Rereading
from train.models.interface import IGNORE_INDEX, LanguageModel, LossSum
from train.models.lm_head import LMHead, LossChange, changed_loss, loss_sum

log = logging.getLogger(__name__)


class HuggingFaceModel(TransformersModel, LanguageModel):
    """See `LanguageModel` for the methods' contract.

    Where its logits are plain products with an output matrix, the loss is made in chunks (`plain_head.py`). Else logits
    are made for the whole batch: architectures scale and cap them in ways of their own, which only their own forward
    pass knows.
    """

    def __init__(self, config: HuggingFaceConfig, vocab_size: int):
        super().__init__(config, vocab_size)
        self._balance = balance_factor(config, self.model.config)
        # Off but where the balance loss is made: beside a cache transformers cannot make it.
        self._no_routing = {"output_router_logits": False} if "output_router_logits" in self._accepts else {}
        self._has_cache: bool | None = None
        if self.model.device.type != "meta":
            check_causal(self, type(self.model).__name__)
            find_head(self.model, lambda weight: makes_plain_logits(self, weight))
            if self._balance:
                check_balance(self)

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        segments: Tensor | None = None,
        regularization: LossChange | None = None,
    ) -> Tensor | LossSum:
        balances = self.training and self._balance > 0
        if labels is not None and not balances and (head := found_head(self.model)) is not None:
            return loss_sum(head, self.hidden(input_ids, segments=segments), labels, regularization)
        inputs = {"use_cache": False, **self._no_routing, **_apart(segments)}
        if labels is None:
            return self.model(input_ids=input_ids, **inputs).logits
        if balances:
            inputs["output_router_logits"] = True
            if segments is None:  # padding is no load; where documents share a row there is hardly any
                inputs["attention_mask"] = until_last_label(labels)
        outputs = self.model(input_ids=input_ids, **inputs)
        tokens = (labels != IGNORE_INDEX).sum()
        # In proportion to the tokens, so that over micro-batches and ranks it becomes a mean as the loss does.
        auxiliary = self._balance * self._balance_loss(outputs) * tokens if balances else None
        if regularization is not None:
            found = regularization.of_logits(outputs.logits.flatten(0, 1), labels.flatten())
            return changed_loss(found, tokens, auxiliary)
        return LossSum(cross_entropy(outputs.logits, labels, "sum"), tokens, auxiliary)

    def _balance_loss(self, outputs: ModelOutput) -> Tensor:
        loss = getattr(outputs, "aux_loss", None)
        if not isinstance(loss, Tensor):
            raise UserError(
                f"{type(self.model).__name__} of transformers has no load-balancing loss; remove "
                "router_aux_loss_coef, aux_loss_coef and output_router_logits from model.config"
            )
        return loss

    @property
    def output_layer(self) -> LMHead | None:
        return found_head(self.model)

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        if (head := found_head(self.model)) is not None:
            return head(self.hidden(input_ids), labels, reduction="none")
        return cross_entropy(self(input_ids), labels, "none").view(labels.shape)

    def hidden(
        self,
        input_ids: Tensor,
        state: KeyValueCache | Rereading | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        def read(ids: Tensor, **inputs: object) -> Tensor:
            return self.model.base_model(input_ids=ids, **self._no_routing, **inputs).last_hidden_state

        if state is None:
            return read(input_ids, use_cache=False, **_apart(segments))
        if isinstance(state, Rereading):
            return state.read_on(input_ids, lambda ids: read(ids, use_cache=False))
        return read(input_ids, **state.advance(input_ids, self._accepts))

    def next_logits(self, input_ids: Tensor, state: KeyValueCache | Rereading) -> Tensor:
        if isinstance(state, Rereading):
            return state.read_on(input_ids, self)[:, -1]
        inputs = self._no_routing | state.advance(input_ids, self._accepts)
        if "logits_to_keep" in self._accepts:
            inputs["logits_to_keep"] = 1
        return self.model(input_ids=input_ids, **inputs).logits[:, -1]

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> KeyValueCache | Rereading:
        if length > self.context:
            raise UserError(
                f"{length} tokens of prompt and continuation exceed this model's context of {self.context}; "
                "shorten the prompt or generate fewer tokens"
            )
        padding = None if padding is None else padding.to(self.model.device)
        if self._has_cache is None:
            self._has_cache = "past_key_values" in self._accepts and continues_from_a_cache(self)
            if not self._has_cache:
                log.info(
                    "%s keeps another state than a key-value cache: to write texts, it reads all of a text again for "
                    "each new token",
                    type(self.model).__name__,
                )
        return (
            KeyValueCache(padding) if self._has_cache else Rereading(batch_size, padding, self.model.device)
        )


def _apart(segments: Tensor | None) -> dict[str, Tensor]:
    """Positions that start again tell transformers where a document ends: it makes the mask, each architecture its own
    (sliding windows, chunks). `check_segments` asks whether it did."""
    if segments is None:
        return {}
    return {"position_ids": torch.arange(segments.size(1), device=segments.device) - segments}


Model = HuggingFaceModel
