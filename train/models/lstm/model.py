"""A recurrent baseline: what a model of the same data does without attention."""

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
from train.models.lm_head import LMHead, Regularization, loss_sum

_INIT_STD = 0.02


class RecurrentState:
    """The cells' outputs and contents [layers, B, H] after the tokens read so far."""

    def __init__(self, padding: Tensor | None = None):
        self.padding = padding
        self.cells: tuple[Tensor, Tensor] | None = None
        self.length = 0

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        if self.cells is not None:
            outputs, contents = self.cells
            self.cells = outputs.index_select(1, rows), contents.index_select(1, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)


class LSTM(LanguageModel):
    """An LSTM language model with dropout between layers (Zaremba et al., 2014).

    A projection brings the last layer to the size of the embedding, which the output matrix may
    then share (Press and Wolf, 2017; Inan et al., 2017). See `LanguageModel` for the methods' contract.
    """

    def __init__(self, config: LSTMConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.context, self.width = config.context, config.embedding
        self.embedding = Embedding(vocab_size, config.embedding, _INIT_STD)
        self.lstm = nn.LSTM(
            config.embedding,
            config.hidden,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
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
        regularization: Regularization | None = None,
    ) -> Tensor | LossSum:
        hidden = self.hidden(input_ids, segments=segments)
        if labels is None:
            return self.lm_head(hidden)
        return loss_sum(self.lm_head, hidden, labels, regularization)

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
            x, _ = self.lstm(x)
        elif state.padding is not None and state.length < int(state.padding.max()):
            if state.length:
                raise ValueError("the first call with a state must reach beyond its padding")
            x, state.cells = self._read_padded(x, state.padding)
        else:
            x, state.cells = self.lstm(x, state.cells)
        if state is not None:
            state.length += input_ids.size(1)
        return self.projection(self.dropout(x))

    def _read_apart(self, x: Tensor, segments: Tensor) -> Tensor:
        """Read each document of the rows from an empty state, all of them at once."""
        rows, tokens, _ = x.shape
        starts = (segments == torch.arange(tokens, device=x.device)).flatten().nonzero().flatten()
        ends = torch.cat((starts[1:], starts.new_tensor([rows * tokens])))
        documents = x.flatten(0, 1).split((ends - starts).tolist())
        packed, _ = self.lstm(pack_sequence(list(documents), enforce_sorted=False))
        return torch.cat(unpack_sequence(packed)).view(rows, tokens, -1)

    def _read_padded(self, x: Tensor, padding: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read left-padded rows from their first real token, for which torch wants the padding right."""
        tokens = x.size(1)
        padding = padding.to(x.device)
        shifted = (torch.arange(tokens, device=x.device) + padding[:, None]) % tokens
        lengths = tokens - padding
        rows = torch.arange(x.size(0), device=x.device)[:, None]
        packed = pack_padded_sequence(x[rows, shifted], lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed, cells = self.lstm(packed)
        outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=tokens)
        back = (torch.arange(tokens, device=x.device) - padding[:, None]) % tokens
        return outputs[rows, back], cells

    def next_logits(self, input_ids: Tensor, state: RecurrentState) -> Tensor:
        return self.lm_head(self.hidden(input_ids, state)[:, -1])

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> RecurrentState:
        return RecurrentState(padding)
