"""Any causal language model of `transformers` behind our interface."""

import inspect
import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError, first_line
from pipeline.formats.foreign_code import own_classes, refusing_foreign_code
from train.models.balance import until_last_label
from train.models.finite import all_finite
from train.models.hf.balance import balance_factor
from train.models.hf.plain_head import cross_entropy, find_head, found_head
from train.models.hf.probes import (
    check_balance,
    check_causal,
    continues_from_a_cache,
    keeps_apart,
    makes_plain_logits,
)
from train.models.hf.states import KeyValueCache, Rereading
from train.models.interface import IGNORE_INDEX, LanguageModel, LossSum
from train.models.lm_head import Regularization, loss_sum, regularizing

log = logging.getLogger(__name__)


def read_config(config: HuggingFaceConfig, vocab_size: int) -> PretrainedConfig:
    """The `transformers` config that a `model` section stands for.

    Raises:
        UserError: where the folder, the model type or a field is none of transformers'.
    """
    if config.path is not None:
        place = f"model.path={config.path}"
        try:
            with refusing_foreign_code(place):
                return own_classes(AutoConfig.from_pretrained(config.path, trust_remote_code=False), place)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"model.path={config.path} is no folder with a config.json that transformers reads: "
                f"{first_line(error)}"
            ) from None
    fields = dict(config.config)
    model_type = fields.pop("model_type", None)
    if model_type is None:
        raise UserError("model.config has no model_type; name a transformers architecture, or set model.path")
    fields = {"max_position_embeddings": config.context, **fields, "vocab_size": vocab_size}
    try:
        # Ids of special tokens default to those of the published vocabulary, which may lie beyond ours.
        settings = AutoConfig.for_model(
            model_type, **{"bos_token_id": None, "eos_token_id": None, "pad_token_id": None} | fields
        )
        return own_classes(settings, "model.config")
    except UserError:
        raise
    except Exception as error:  # what a wrong field raises differs by architecture
        raise UserError(
            f"model.config is no config of model_type={model_type!r}: {first_line(error)}"
        ) from None


def load_checkpoint(folder: str | Path, settings: PretrainedConfig | None = None) -> PreTrainedModel:
    """The causal model in a folder, in fp32.

    Raises:
        UserError: where its weights cannot be read, are not finite, or are not the whole model's: transformers only
            warns of that, and leaves at random what is missing.
    """
    try:
        with refusing_foreign_code(str(folder)):
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                config=settings,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
            )
    except (UserError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # which, differs by what is damaged: a SafetensorError, a RuntimeError, a TypeError, …
        raise UserError(
            f"{folder}: its weights cannot be loaded ({first_line(error)}); get the folder again, or name another"
        ) from None
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{folder}: its weights are not those of the {type(model).__name__} that its config.json names: "
            f"{len(missing)} are missing ({missing[0]}, …); get the folder again, or name another"
        )
    if not all_finite(model.parameters()):
        raise UserError(
            f"{folder}: some of its weights are not finite, as of a model whose training has diverged; name another"
        )
    return model


class HuggingFaceModel(LanguageModel):
    """`model.*` is the `transformers` model; see `LanguageModel` for the methods' contract.

    Where its logits are plain products with an output matrix, the loss is made in chunks (`plain_head.py`). Else logits
    are made for the whole batch: architectures scale and cap them in ways of their own, which only their own forward
    pass knows.
    """

    def __init__(self, config: HuggingFaceConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.context = config.context
        settings = read_config(config, vocab_size)
        limit = getattr(settings.get_text_config(), "max_position_embeddings", None)
        if limit is not None and config.context > limit:
            raise UserError(
                f"model.context={config.context} is longer than the {limit} positions of this "
                f"{settings.model_type} model; set model.context={limit} or less"
            )
        self.model = self._load(config, settings)
        embeddings = self.model.get_input_embeddings().weight
        assert isinstance(embeddings, Tensor)
        self.vocab_size = embeddings.size(0)
        if self.vocab_size < vocab_size:
            raise UserError(
                f"the checkpoint {config.path} has {self.vocab_size} token embeddings and the tokenizer "
                f"{vocab_size} ids; use the tokenizer that belongs to the checkpoint"
            )
        self._recomputes = False
        self._accepts = frozenset(inspect.signature(self.model.forward).parameters)
        self._balance = balance_factor(config, settings)
        # Off but where the balance loss is made: beside a cache transformers cannot make it.
        self._no_routing = {"output_router_logits": False} if "output_router_logits" in self._accepts else {}
        self._has_cache: bool | None = None
        if self.model.device.type != "meta":
            check_causal(self, type(self.model).__name__)
            find_head(self.model, lambda weight: makes_plain_logits(self, weight))
            if self._balance:
                check_balance(self)

    @staticmethod
    def _load(config: HuggingFaceConfig, settings: PretrainedConfig) -> PreTrainedModel:
        if config.path is None:
            try:
                return AutoModelForCausalLM.from_config(
                    settings, dtype=torch.float32, trust_remote_code=False
                )
            except ValueError as error:
                raise UserError(
                    f"model_type={settings.model_type!r} is no causal language model: {first_line(error)}"
                ) from None
        return load_checkpoint(config.path, settings)

    def check_segments(self) -> None:
        """See whether this architecture reads documents that share a row as if each stood alone; without memory for
        its weights, only whether it may.

        Raises:
            UserError: where it does not.
        """
        has_weights = next(self.parameters()).device.type != "meta"
        if "position_ids" not in self._accepts or (has_weights and not keeps_apart(self)):
            raise UserError(
                f"{type(self.model).__name__} of transformers cannot keep documents apart that share a sequence; "
                "set data.packing=concatenate (of fine-tuning finetune.batching=by_length), or train a decoder"
            )

    @property
    def blocks(self) -> list[nn.Module]:
        """The modules that the architecture wants kept whole: its transformer blocks."""
        names = set(self.model._no_split_modules or ())
        return [module for module in self.model.modules() if type(module).__name__ in names]

    @property
    def gradient_checkpointing(self) -> bool:
        return self._recomputes

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        # transformers 5.2x renamed the methods; the old names warn there, the new ones are absent before.
        prefix = "activation" if hasattr(self.model, "activation_checkpointing_enable") else "gradient"
        if not value:
            getattr(self.model, f"{prefix}_checkpointing_disable")()
        elif self.model.supports_gradient_checkpointing:
            getattr(self.model, f"{prefix}_checkpointing_enable")({"use_reentrant": False})
        else:
            raise UserError(
                f"{type(self.model).__name__} of transformers cannot recompute its blocks; "
                "set trainer.activation_checkpointing=false"
            )
        self._recomputes = value

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        segments: Tensor | None = None,
        regularization: Regularization | None = None,
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
        total = cross_entropy(outputs.logits, labels, "sum")
        if regularization is not None:
            extra = regularizing(outputs.logits, labels, regularization)
            auxiliary = extra if auxiliary is None else auxiliary + extra
        return LossSum(total, tokens, auxiliary)

    def _balance_loss(self, outputs: ModelOutput) -> Tensor:
        loss = getattr(outputs, "aux_loss", None)
        if not isinstance(loss, Tensor):
            raise UserError(
                f"{type(self.model).__name__} of transformers has no load-balancing loss; remove "
                "router_aux_loss_coef, aux_loss_coef and output_router_logits from model.config"
            )
        return loss

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
