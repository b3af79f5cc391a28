"""Our own decoder-only transformer, in the layouts of GPT-2, Llama and Qwen3.

Names, shapes and semantics of the parameters are those of the Hugging Face classes, so a state dict
passes either way as it is. Two deliberate differences concern training alone: dropout, where it is
asked for, acts on the embeddings and on each block's two outputs, and not on attention weights (the
fused CPU kernels have none); and residual projections start smaller in every layout (GPT-2's scheme).
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from train.models.balance import fullest_expert, router_losses, until_last_label
from train.models.decoder.attention import document_mask
from train.models.decoder.cache import KVCache
from train.models.decoder.gpt2 import GPT2Body
from train.models.decoder.llama import LlamaBody
from train.models.decoder.nearby import nearby_mask
from train.models.decoder.row_sum_cache import fastest_cache
from train.models.fixed_linear import FixedLinear
from train.models.interface import IGNORE_INDEX, LanguageModel, LossSum
from train.models.lm_head import LMHead, LossChange, loss_sum
from train.models.recomputation import recomputes


class Decoder(LanguageModel):
    """A causal language model; see `LanguageModel` for the methods' contract."""

    gradient_checkpointing: int = 0

    def __init__(self, config: DecoderConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context = config.context
        self.width, self.head_std = config.hidden, config.init_std
        self._windows = config.windows
        # The attribute's name is part of the parameters' names.
        if config.layout == "gpt2":
            self.transformer = GPT2Body(config, vocab_size)
        else:
            self.model = LlamaBody(config, vocab_size)
        # A module of its own, also when tied: ZeRO-3 and FSDP gather a weight where its module is called.
        self.lm_head = LMHead(config.hidden, vocab_size, config.init_std)
        self._output: FixedLinear | None = None
        """The output matrix as generation reads it, once it is laid out for that."""
        if config.tie_embeddings:
            self.lm_head.weight = self.body.embedding.weight

    @property
    def body(self) -> GPT2Body | LlamaBody:
        return self.transformer if self.config.layout == "gpt2" else self.model

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks: units for sharding and compilation."""
        return self.body.blocks

    @property
    def compiled_parts(self) -> list[nn.Module]:
        return [*self.blocks, self.lm_head]

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        segments: Tensor | None = None,
        regularization: LossChange | None = None,
    ) -> Tensor | LossSum:
        # Padding is no load; where documents share a row there is hardly any.
        pads = self.config.experts is not None and labels is not None and segments is None
        counted = until_last_label(labels) if pads and labels is not None else None
        hidden, routed = self._read(input_ids, None, segments, counted)
        if labels is None:
            return self.lm_head(hidden)
        if not routed:
            return loss_sum(self.lm_head, hidden, labels, regularization)
        tokens = (labels != IGNORE_INDEX).sum()
        seen = torch.tensor(labels.numel(), device=tokens.device) if counted is None else counted.sum()
        router = self._router_loss(routed, seen, tokens)
        figures = {"fullest_expert": fullest_expert(routed, tokens)}
        return loss_sum(self.lm_head, hidden, labels, regularization, router, figures)

    def _router_loss(self, routed: list[Tensor], seen: Tensor, tokens: Tensor) -> Tensor | None:
        """In proportion to the tokens, so that over micro-batches and ranks it becomes a mean as the loss does."""
        factors = self.config.balance_loss, self.config.router_z_loss
        if not (self.training and any(factors)):
            return None
        balance, z = router_losses(routed, seen)
        return (factors[0] * balance + factors[1] * z) * tokens

    @property
    def output_layer(self) -> LMHead:
        return self.lm_head

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        return self.lm_head(self.hidden(input_ids), labels, reduction="none")

    def hidden(
        self,
        input_ids: Tensor,
        state: KVCache | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        return self._read(input_ids, state, segments)[0]

    def _read(
        self,
        input_ids: Tensor,
        state: KVCache | None,
        segments: Tensor | None,
        counted: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Final hidden states, and what each layer's router did with the tokens that are `counted`."""
        tokens = input_ids.size(1)
        end = tokens if state is None else state.length + tokens
        limit = self.context if state is None else state.capacity
        if end > limit:
            raise UserError(
                f"a sequence of {end} tokens is longer than the {limit} this model was set up to read; "
                "shorten it, or raise model.context and train again"
            )
        positions = None
        if state is not None:
            positions = state.positions(tokens)
        elif segments is not None:
            positions = torch.arange(tokens, device=input_ids.device) - segments
        x, extras = self.body.embed(input_ids, positions)
        masks = {window: self._mask(x, window, state, segments) for window in self._windows}
        routed: list[Tensor] = []
        if self.config.experts is not None:
            extras = (*extras, counted)
        for index, (block, window) in enumerate(zip(self.blocks, self._windows, strict=True)):
            mask = masks[window]
            if recomputes(index, self.gradient_checkpointing):
                given = checkpoint(block, x, mask, state, *extras, use_reentrant=False)
            else:
                given = block(x, mask, state, *extras)
            if self.config.experts is None:
                x = given
            else:
                x, sums = given
                routed.append(sums)
        if state is not None:
            state.advance(tokens)
        return self.body.normalize(x), routed

    def _mask(
        self, x: Tensor, window: int | None, state: KVCache | None, segments: Tensor | None
    ) -> Tensor | None:
        """What a token sees in the layers with this window, made once for all of them."""
        if state is not None:
            return state.mask(x.size(1), window)
        if window is None and segments is None:
            return None
        device = x.device.type
        mixed = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if mixed else x.dtype
        if window is not None:
            return nearby_mask(x, window, segments, dtype)
        assert segments is not None
        return document_mask(segments, dtype)

    def next_logits(self, input_ids: Tensor, state: KVCache) -> Tensor:
        last = self.hidden(input_ids, state)[:, -1]
        return self.lm_head(last) if self._output is None else self._output(last)

    @torch.no_grad()
    def lay_out_for_generation(self) -> None:
        if self._output is None:
            # The matrix itself stays for losses, and where it is the embedding.
            self._output = FixedLinear([self.lm_head.weight])
            self.body.fix()

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> KVCache:
        if length > self.context:
            raise UserError(
                f"{length} tokens of prompt and continuation exceed this model's context of {self.context}; "
                "shorten the prompt or generate fewer tokens"
            )
        weight = self.lm_head.weight
        dtype = dtype or weight.dtype
        return fastest_cache(weight.device, dtype)(
            self.config.layers,
            batch_size,
            length,
            self.config.key_value_heads,
            self.config.head_width,
            dtype=dtype,
            device=weight.device,
            padding=padding,
        )
