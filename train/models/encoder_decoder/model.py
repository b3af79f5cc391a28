"""Our own encoder–decoder, in the layout of T5 (Raffel et al., 2020).

Names, shapes and meaning of the parameters are those of `T5ForConditionalGeneration`, so a state dict passes either way
as it is. Dropout, where it is asked for, acts on embeddings, on the outputs of a block's parts and on the final hidden
states; not on attention weights and inside of the MLP, as T5's does.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.errors import UserError
from train.models.decoder.cache import KVCache
from train.models.encoder_decoder.attention import WritingState, real_tokens
from train.models.encoder_decoder.stack import Stack
from train.models.interface import IGNORE_INDEX, Begun, Body, LossSum, WritingModel
from train.models.layers import Embedding
from train.models.lm_head import LMHead
from train.models.padding import pad_left, pad_right


class EncoderDecoder(WritingModel, Body):
    """Reads a source as a whole, and writes a target from left to right; see `WritingModel`. Its hidden states are the
    encoder's (Ni et al., 2022, "Sentence-T5")."""

    peft_task: ClassVar[str] = "SEQ_2_SEQ_LM"
    exported_poolings = ()

    def __init__(self, config: EncoderDecoderConfig, vocab_size: int):
        super().__init__()
        if config.start_id >= vocab_size:
            raise UserError(
                f"model.start_id={config.start_id} is no token: the vocabulary has {vocab_size:,}; lower it"
            )
        self.config, self.vocab_size, self.context = config, vocab_size, config.context
        self.width = config.hidden
        # Where it is the output matrix, too, the final hidden states are scaled instead.
        self.shared = Embedding(vocab_size, config.hidden, 1.0)
        self.encoder = Stack(config, self.shared, writes=False)
        self.decoder = Stack(config, self.shared, writes=True)
        # A module of its own, also when tied: ZeRO-3 and FSDP gather a weight where its module is called.
        self.lm_head = LMHead(config.hidden, vocab_size, config.hidden**-0.5)
        if config.tied:
            self.lm_head.weight = self.shared.weight

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer blocks of all stacks: units for sharding and compilation."""
        return [block for stack in self._stacks for block in stack.block]

    @property
    def compiled_parts(self) -> list[nn.Module]:
        return [*self.blocks, *filter(None, [getattr(self, "lm_head", None)])]

    @property
    def gradient_checkpointing(self) -> int:
        return self.encoder.recompute_every

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, every: int) -> None:
        for stack in self._stacks:
            stack.recompute_every = every

    @property
    def _stacks(self) -> list[Stack]:
        """The encoder, and the decoder where it is still there: see `drop_output`."""
        return [self.encoder, *filter(None, [getattr(self, "decoder", None)])]

    def hidden(
        self,
        input_ids: Tensor,
        *,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        """Of the encoder. It knows neither rows that texts share (`ModelFamily.check_segments`) nor token types."""
        return self.encoder(input_ids, None if lengths is None else real_tokens(lengths, input_ids.size(1)))

    def drop_output(self) -> None:
        """The decoder, too, which makes nothing of the encoder's states where a task has a head on them."""
        del self.lm_head, self.decoder

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        lengths: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
    ) -> Tensor | LossSum:
        """
        Args:
            input_ids: the source, int64 [B, S].
            labels: the target, int64 [B, T], with `IGNORE_INDEX` where nothing is to be learnt. The decoder reads the
                start token and all of it but the last.
            lengths: tokens of each source that are no padding at the right, int64 [B]; None where none is.
            decoder_input_ids: what the decoder reads, where there are no labels.

        Returns logits [B, T, V], or with labels the summed loss.

        Raises:
            UserError: where source or target is longer than the context.
        """
        real = None if lengths is None else real_tokens(lengths, input_ids.size(1))
        if labels is not None:
            decoder_input_ids = self.started(labels)
        assert decoder_input_ids is not None  # one of the two is given
        for ids in (input_ids, decoder_input_ids):
            if ids.size(1) > self.context:
                raise UserError(
                    f"a sequence of {ids.size(1)} tokens is longer than the {self.context} this model was set up to "
                    "read; shorten it, or raise model.context and train again"
                )
        hidden = self._outputs(self.decoder(decoder_input_ids, real, self.encoder(input_ids, real)))
        if labels is None:
            return self.lm_head(hidden)
        return LossSum(self.lm_head(hidden, labels), (labels != IGNORE_INDEX).sum())

    def started(self, labels: Tensor) -> Tensor:
        """What the decoder reads to write a target [B, T]: the start token and all but the last token."""
        ids = labels.roll(1, -1)
        ids[:, 0] = self.config.start_id
        return ids.masked_fill_(ids == IGNORE_INDEX, self.config.start_id)

    def _outputs(self, hidden: Tensor) -> Tensor:
        return hidden * self.config.hidden**-0.5 if self.config.tied else hidden

    def share_context(self, new_tokens: int) -> tuple[int, int]:
        """Source and target have a context each."""
        return self.context, min(new_tokens, self.context)

    def room_after(self, prompt: int) -> int:
        return self.context if prompt <= self.context else 0

    def begin(
        self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]], new_tokens: int
    ) -> Begun:
        """The prompts are the sources; what was written stands behind the start token."""
        config, weight = self.config, self.lm_head.weight
        ids, lengths = pad_right(prompts, weight.device)
        real = real_tokens(lengths, ids.size(1)) if bool((lengths < ids.size(1)).any()) else None
        source = self.encoder(ids, real)
        texts, padding = pad_left([[config.start_id, *tokens] for tokens in written], weight.device)
        length = texts.size(1) + new_tokens
        cache = KVCache(
            config.decoder_depth,
            len(prompts),
            length,
            config.heads,
            config.head_width,
            dtype=source.dtype,
            device=weight.device,
            padding=padding,
        )
        state = WritingState(cache, self.decoder.keys_and_values(source), real)
        return Begun(state, self.next_logits(texts, state), new_tokens)

    def next_logits(self, input_ids: Tensor, state: WritingState) -> Tensor:
        hidden = self.decoder(input_ids, state.real, state=state)
        state.written.advance(input_ids.size(1))
        return self.lm_head(self._outputs(hidden[:, -1]))
