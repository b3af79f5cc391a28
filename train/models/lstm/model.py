"""A recurrent baseline: what a model of the same data does without attention."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    unpack_sequence,
)

from pipeline.config.models.lstm import LSTMConfig
from train.models.interface import LanguageModel, LossSum
from train.models.layers import Embedding, Linear
from train.models.lm_head import LMHead, LossChange, loss_sum
from train.models.lstm.attention import AdditiveAttention

_INIT_STD = 0.02


class RecurrentState:
    """What the layers hold after the tokens read so far, [layers, B, H]: of LSTM cells outputs and contents, of GRU's
    the outputs. Where the model looks back, also the last layer's outputs for all tokens."""

    def __init__(self, padding: Tensor | None = None):
        self.padding = padding
        self.cells: tuple[Tensor, ...] | None = None
        self.past: Tensor | None = None
        self.length = 0

    def remember(self, outputs: Tensor) -> Tensor:
        """Add the outputs [B, T, H]; gives those of all tokens."""
        self.past = outputs if self.past is None else torch.cat((self.past, outputs), 1)
        return self.past

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        if self.cells is not None:
            self.cells = tuple(cell.index_select(1, rows) for cell in self.cells)
        if self.past is not None:
            self.past = self.past.index_select(0, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)


class LSTM(LanguageModel):
    """An LSTM or GRU language model with dropout between layers (Zaremba et al., 2014).

    A projection brings the last layer to the size of the embedding, which the output matrix may
    then share (Press and Wolf, 2017; Inan et al., 2017). See `LanguageModel` for the methods' contract.
    """

    def __init__(self, config: LSTMConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context, self.width = config.context, config.embedding
        self.embedding = Embedding(vocab_size, config.embedding, _INIT_STD)
        sizes = config.embedding, config.hidden, config.layers
        dropout = config.dropout if config.layers > 1 else 0.0
        # Of the two that is there the attribute's name is part of the parameters' names.
        self.lstm = self.gru = None
        if config.cell == "lstm":
            self.lstm = nn.LSTM(*sizes, batch_first=True, dropout=dropout)
        else:
            self.gru = nn.GRU(*sizes, batch_first=True, dropout=dropout)
        self.attention = (
            None if config.attention is None else AdditiveAttention(config.hidden, config.attention)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.projection = Linear(config.hidden, config.embedding, config.hidden**-0.5)
        self.lm_head = LMHead(config.embedding, vocab_size, _INIT_STD)
        if config.tie_embeddings:
            self.lm_head.weight = self.embedding.weight

    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        segments: Tensor | None = None,
        regularization: LossChange | None = None,
    ) -> Tensor | LossSum:
        hidden = self.hidden(input_ids, segments=segments)
        if labels is None:
            return self.lm_head(hidden)
        return loss_sum(self.lm_head, hidden, labels, regularization)

    @property
    def output_layer(self) -> LMHead:
        return self.lm_head

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        return self.lm_head(self.hidden(input_ids), labels, reduction="none")

    def hidden(
        self,
        input_ids: Tensor,
        state: RecurrentState | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        x = self.dropout(self.embedding(input_ids))
        if segments is not None:
            x = self._read_apart(x, segments)
        elif state is None:
            x, _ = self._recur(x, None)
        elif state.padding is not None and state.length < int(state.padding.max()):
            if state.length:
                raise ValueError("the first call with a state must reach beyond its padding")
            x, state.cells = self._read_padded(x, state.padding)
        else:
            x, state.cells = self._recur(x, state.cells)
        if self.attention is not None:
            x = self.attention(x, x if state is None else state.remember(x), self._first(x, state, segments))
        if state is not None:
            state.length += input_ids.size(1)
        return self.projection(self.dropout(x))

    def _recur(self, x: Any, cells: tuple[Tensor, ...] | None) -> tuple[Any, tuple[Tensor, ...]]:
        """The layers' outputs for x [B, T, E], or what is packed of it, and what they hold then."""
        if self.lstm is not None:
            return self.lstm(x, cells)
        assert self.gru is not None
        outputs, last = self.gru(x, None if cells is None else cells[0])
        return outputs, (last,)

    def _first(self, x: Tensor, state: RecurrentState | None, segments: Tensor | None) -> Tensor:
        """Index of the first token that each of the tokens looks back at, [B or 1, T]; a padding token's is itself."""
        if segments is not None:
            return segments
        if state is None or state.padding is None:
            return torch.zeros(1, x.size(1), dtype=torch.int64, device=x.device)
        own = torch.arange(state.length, state.length + x.size(1), device=x.device)
        return torch.minimum(state.padding.to(x.device)[:, None], own)

    def _read_apart(self, x: Tensor, segments: Tensor) -> Tensor:
        """Read each document of the rows from an empty state, all of them at once."""
        rows, tokens, _ = x.shape
        starts = (segments == torch.arange(tokens, device=x.device)).flatten().nonzero().flatten()
        ends = torch.cat((starts[1:], starts.new_tensor([rows * tokens])))
        documents = x.flatten(0, 1).split((ends - starts).tolist())
        packed, _ = self._recur(pack_sequence(list(documents), enforce_sorted=False), None)
        return torch.cat(unpack_sequence(packed)).view(rows, tokens, -1)

    def _read_padded(self, x: Tensor, padding: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read left-padded rows from their first real token, for which torch wants the padding right."""
        tokens = x.size(1)
        padding = padding.to(x.device)
        shifted = (torch.arange(tokens, device=x.device) + padding[:, None]) % tokens
        lengths = tokens - padding
        rows = torch.arange(x.size(0), device=x.device)[:, None]
        packed = pack_padded_sequence(x[rows, shifted], lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed, cells = self._recur(packed, None)
        outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=tokens)
        back = (torch.arange(tokens, device=x.device) - padding[:, None]) % tokens
        return outputs[rows, back], cells

    def next_logits(self, input_ids: Tensor, state: RecurrentState) -> Tensor:
        return self.lm_head(self.hidden(input_ids, state)[:, -1])

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> RecurrentState:
        return RecurrentState(padding)
