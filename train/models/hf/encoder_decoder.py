"""Any encoder–decoder of `transformers` behind our interface: T5, BART, mBART and the like."""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from pipeline.config.models.huggingface import HuggingFaceConfig
from train.models.hf.model import TransformersModel
from train.models.interface import IGNORE_INDEX, Begun, Body, LossSum, WritingModel
from train.models.padding import pad_right


class Target:
    """Texts that are being written, to sources that the encoder has read."""

    def __init__(self, source: Tensor, mask: Tensor):
        """
        Args:
            source: what the encoder gives, [B, S, H].
            mask: which of it is no padding, int64 [B, S].
        """
        self.source, self.mask = source, mask

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        self.source, self.mask = self.source.index_select(0, rows), self.mask.index_select(0, rows)


class CachedTarget(Target):
    """Of texts that are equally long, with a key-value cache of them and of their sources."""

    def __init__(self, source: Tensor, mask: Tensor):
        super().__init__(source, mask)
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    @property
    def length(self) -> int:
        return self.cache.get_seq_length()

    def reorder(self, rows: Tensor) -> None:
        super().reorder(rows)
        self.cache.reorder_cache(cast(torch.LongTensor, rows))


class RereadTarget(Target):
    """Of texts of different length, all of which are read again for each new token: architectures differ in where they
    see the positions of a row that is padded at the left."""

    def __init__(self, source: Tensor, mask: Tensor, written: list[list[int]]):
        super().__init__(source, mask)
        self.written = written

    @property
    def length(self) -> int:
        return max(map(len, self.written))

    def reorder(self, rows: Tensor) -> None:
        super().reorder(rows)
        self.written = [list(self.written[row]) for row in rows.tolist()]


class HuggingFaceEncoderDecoder(TransformersModel, WritingModel):
    """`model.*` is the `transformers` model; see `WritingModel` for the methods' contract."""

    peft_task: ClassVar[str] = "SEQ_2_SEQ_LM"
    exported_poolings = ()

    def __init__(self, config: HuggingFaceConfig, vocab_size: int):
        super().__init__(config, vocab_size)
        settings = self.model.config
        names = ("decoder_start_token_id", "pad_token_id", "bos_token_id", "eos_token_id")
        known = (getattr(settings, name, None) for name in names)
        self._start: int = next((id for id in known if isinstance(id, int)), 0)
        settings.decoder_start_token_id = self._start

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        lengths: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
    ) -> Tensor | LossSum:
        """As of `EncoderDecoder`."""
        if labels is not None:
            decoder_input_ids = self.started(labels)
        inputs = {"input_ids": input_ids, "attention_mask": self._mask(input_ids, lengths)}
        logits = self.model(**inputs, decoder_input_ids=decoder_input_ids, use_cache=False).logits
        if labels is None:
            return logits
        flat = logits.flatten(0, 1).float()
        total = F.cross_entropy(flat, labels.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
        return LossSum(total, (labels != IGNORE_INDEX).sum())

    def hidden(
        self,
        input_ids: Tensor,
        *,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        """Of the encoder."""
        mask = self._mask(input_ids, lengths)
        return self.model.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state

    def label_head(self, labels: int) -> nn.Module:
        """One matrix: the classes of transformers for labels read a text with the decoder, too."""
        return Body.label_head(self, labels)

    def started(self, labels: Tensor) -> Tensor:
        """What the decoder reads to write a target [B, T]: the start token and all but the last token."""
        ids = labels.roll(1, -1)
        ids[:, 0] = self._start
        return ids.masked_fill_(ids == IGNORE_INDEX, self._start)

    def share_context(self, new_tokens: int) -> tuple[int, int]:
        """Source and target have a context each."""
        return self.context, min(new_tokens, self.context)

    def room_after(self, prompt: int) -> int:
        return self.context if prompt <= self.context else 0

    def begin(
        self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]], new_tokens: int
    ) -> Begun:
        """The prompts are the sources; what was written stands behind the start token."""
        device = self.model.device
        ids, lengths = pad_right(prompts, device)
        source, mask = self.hidden(ids, lengths=lengths), self._mask(ids, lengths)
        room = max(0, min(new_tokens, self.context - max(map(len, written))))
        if len({len(text) for text in written}) == 1:
            state = CachedTarget(source, mask)
            started = torch.tensor([[self._start, *text] for text in written], device=device)
            return Begun(state, self.next_logits(started, state), room)
        reread = RereadTarget(source, mask, [[self._start, *text[:-1]] if text else [] for text in written])
        last = torch.tensor([[text[-1] if text else self._start] for text in written], device=device)
        return Begun(reread, self.next_logits(last, reread), room)

    def next_logits(self, input_ids: Tensor, state: CachedTarget | RereadTarget) -> Tensor:
        source = BaseModelOutput(last_hidden_state=cast(torch.FloatTensor, state.source))
        inputs = {"encoder_outputs": source, "attention_mask": state.mask}
        if isinstance(state, CachedTarget):
            out = self.model(
                **inputs, decoder_input_ids=input_ids, past_key_values=state.cache, use_cache=True
            )
            return out.logits[:, -1]
        for row, tokens in zip(state.written, input_ids.tolist(), strict=True):
            row += tokens
        ids, lengths = pad_right(state.written, input_ids.device)
        logits = self.model(**inputs, decoder_input_ids=ids, use_cache=False).logits
        return logits[torch.arange(len(ids), device=ids.device), lengths - 1]

    @staticmethod
    def _mask(input_ids: Tensor, lengths: Tensor | None) -> Tensor:
        """Which tokens are no padding, int64 [B, S]."""
        if lengths is None:
            return torch.ones_like(input_ids)
        return (torch.arange(input_ids.size(1), device=input_ids.device) < lengths[:, None]).long()


Model = HuggingFaceEncoderDecoder
