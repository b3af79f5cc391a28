"""Any causal language model of `transformers` behind our interface."""

import inspect
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PretrainedConfig, PreTrainedModel

from pipeline.config.model import HuggingFaceConfig
from pipeline.errors import UserError
from pipeline.foreign_code import own_classes, refusing_foreign_code
from train.models.interface import IGNORE_INDEX, LossSum


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
        except (OSError, ValueError) as error:
            raise UserError(
                f"model.path={config.path} is no folder with a config.json that transformers reads: "
                f"{_first_line(error)}"
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
            f"model.config is no config of model_type={model_type!r}: {_first_line(error)}"
        ) from None


def load_checkpoint(folder: str | Path, settings: PretrainedConfig | None = None) -> PreTrainedModel:
    """The causal model in a folder, in fp32.

    Raises:
        UserError: where its weights cannot be read, or are not the whole model's: transformers only warns of that,
            and leaves at random what is missing.
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
    # A file that is cut is a SafetensorError, sizes that differ are a RuntimeError.
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(
            f"{folder}: its weights cannot be loaded ({_first_line(error)}); get the folder again, or name another"
        ) from None
    if missing := sorted(found["missing_keys"]):
        raise UserError(
            f"{folder}: its weights are not those of the {type(model).__name__} that its config.json names: "
            f"{len(missing)} are missing ({missing[0]}, …); get the folder again, or name another"
        )
    return model


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


class HuggingFaceState:
    """A `transformers` cache and the left padding of its rows."""

    def __init__(self, padding: Tensor | None = None):
        self.cache = DynamicCache()
        self.padding = padding
        self.length = 0

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        self.cache.reorder_cache(rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)


class HuggingFaceModel(nn.Module):
    """`model.*` is the `transformers` model; see `LanguageModel` for the methods' contract.

    Logits are made for the whole batch: architectures scale and cap them in ways of their own, which
    only their own forward pass knows.
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
        self.vocab_size = self.model.get_input_embeddings().weight.size(0)
        if self.vocab_size < vocab_size:
            raise UserError(
                f"the checkpoint {config.path} has {self.vocab_size} token embeddings and the tokenizer "
                f"{vocab_size} ids; use the tokenizer that belongs to the checkpoint"
            )
        self._recomputes = False
        self._accepts = frozenset(inspect.signature(self.model.forward).parameters)
        if self.model.device.type != "meta":
            self._check_causal()

    @torch.no_grad()
    def _check_causal(self) -> None:
        """Refuse a model whose tokens see those after them, as BERT's do by default: its loss would say nothing."""
        training = self.training
        self.eval()
        ids = torch.tensor([[0, 1, 0, 1]], device=self.model.device)
        changed = torch.tensor([[0, 1, 0, 0]], device=self.model.device)
        change = (self(ids) - self(changed)).abs()
        self.train(training)
        # With fresh weights another token changes little, but far more than rounding does.
        if float(change[:, :-1].max()) > 1e-5 * float(change[:, -1].max()):
            raise UserError(
                f"{type(self.model).__name__} of transformers lets a token see those after it, so there is nothing to "
                "predict; set model.config.is_decoder=true (in a checkpoint's config.json: is_decoder), or choose a "
                "causal architecture"
            )

    @staticmethod
    def _load(config: HuggingFaceConfig, settings: PretrainedConfig) -> nn.Module:
        if config.path is None:
            try:
                return AutoModelForCausalLM.from_config(
                    settings, dtype=torch.float32, trust_remote_code=False
                )
            except ValueError as error:
                raise UserError(
                    f"model_type={settings.model_type!r} is no causal language model: {_first_line(error)}"
                ) from None
        return load_checkpoint(config.path, settings)

    @torch.no_grad()
    def check_segments(self) -> None:
        """See whether this architecture reads documents that share a row as if each stood alone.

        Raises:
            UserError: where it does not.
        """
        if "position_ids" not in self._accepts or not self._keeps_apart():
            raise UserError(
                f"{type(self.model).__name__} of transformers cannot keep documents apart that share a sequence; "
                "set data.packing=concatenate, or train a decoder"
            )

    def _keeps_apart(self) -> bool:
        size = min(8, self.context // 2)
        places = torch.arange(2 * size, device=self.model.device)[None]
        ids = places % self.vocab_size
        training = self.training
        self.eval()
        alone, mixed = self(ids[:, size:]), self(ids)
        packed = self(ids, segments=torch.where(places < size, 0, size))
        self.train(training)
        # Against what the first document does to the second where nothing keeps them apart: with fresh weights,
        # that too is small.
        off, contrast = (float((logits[:, size:] - alone).abs().max()) for logits in (packed, mixed))
        return off <= 0.01 * contrast

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
        self, input_ids: Tensor, labels: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor | LossSum:
        logits = self.model(input_ids=input_ids, use_cache=False, **_apart(segments)).logits
        if labels is None:
            return logits
        return LossSum(_cross_entropy(logits, labels, "sum"), (labels != IGNORE_INDEX).sum())

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        return _cross_entropy(self(input_ids), labels, "none").view(labels.shape)

    def hidden(
        self, input_ids: Tensor, state: HuggingFaceState | None = None, segments: Tensor | None = None
    ) -> Tensor:
        alone = {"use_cache": False, **_apart(segments)}
        inputs = alone if state is None else self._advance(input_ids, state)
        return self.model.base_model(input_ids=input_ids, **inputs).last_hidden_state

    def next_logits(self, input_ids: Tensor, state: HuggingFaceState) -> Tensor:
        inputs = self._advance(input_ids, state)
        if "logits_to_keep" in self._accepts:
            inputs["logits_to_keep"] = 1
        return self.model(input_ids=input_ids, **inputs).logits[:, -1]

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> HuggingFaceState:
        if "past_key_values" not in self._accepts:
            raise UserError(
                f"{type(self.model).__name__} keeps another state than a key-value cache and cannot "
                "generate here; generate from its exported folder with transformers"
            )
        if length > self.context:
            raise UserError(
                f"{length} tokens of prompt and continuation exceed this model's context of {self.context}; "
                "shorten the prompt or generate fewer tokens"
            )
        return HuggingFaceState(None if padding is None else padding.to(self.model.device))

    def _advance(self, input_ids: Tensor, state: HuggingFaceState) -> dict:
        """Arguments with which the model continues the state, which counts the tokens as read."""
        end = state.length + input_ids.size(1)
        inputs: dict = {"past_key_values": state.cache, "use_cache": True}
        if state.padding is not None:
            index = torch.arange(end, device=input_ids.device)[None]
            inputs["attention_mask"] = (index >= state.padding[:, None]).long()
            if "position_ids" in self._accepts:
                positions = (index - state.padding[:, None]).clamp_(min=0)
                inputs["position_ids"] = positions[:, state.length :]
        state.length = end
        return inputs


def _apart(segments: Tensor | None) -> dict[str, Tensor]:
    """Positions that start again tell transformers where a document ends: it makes the mask, each architecture its own
    (sliding windows, chunks). `check_segments` asks whether it did."""
    if segments is None:
        return {}
    return {"position_ids": torch.arange(segments.size(1), device=segments.device) - segments}


def _cross_entropy(logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
    flat = logits.flatten(0, 1).float()
    return F.cross_entropy(flat, labels.flatten(), ignore_index=IGNORE_INDEX, reduction=reduction)
