"""The model itself, which says of its family no more than how it is built."""

import torch
from my_lab.gru import GRUConfig
from torch import Tensor, nn
from torch.nn.functional import pad

from train.models.family import ModelFamily
from train.models.interface import IGNORE_INDEX, LanguageModel, LossSum
from train.models.layers import Embedding
from train.models.lm_head import LMHead


class State:
    """The unit's output [1, B, width] after the tokens read so far."""

    def __init__(self, padding: Tensor | None):
        self.padding = padding
        self.output: Tensor | None = None
        self.length = 0

    def reorder(self, rows: Tensor) -> None:
        if self.output is not None:
            self.output = self.output.index_select(1, rows)


class GRU(LanguageModel):
    def __init__(self, config: GRUConfig, vocab_size: int):
        super().__init__()
        self.config, self.vocab_size, self.context = config, vocab_size, config.context
        self.embedding = Embedding(vocab_size, config.width, 0.02)
        self.gru = nn.GRU(config.width, config.width, batch_first=True)
        self.lm_head = LMHead(config.width, vocab_size, 0.02)

    def forward(
        self, input_ids: Tensor, labels: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor | LossSum:
        hidden = self.hidden(input_ids)
        if labels is None:
            return self.lm_head(hidden)
        return LossSum(self.lm_head(hidden, labels), (labels != IGNORE_INDEX).sum())

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        return self.lm_head(self.hidden(input_ids), labels, reduction="none")

    def hidden(
        self,
        input_ids: Tensor,
        state: State | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        embedded = self.embedding(input_ids)
        if state is None:
            return self.gru(embedded)[0]
        if state.output is None and state.padding is not None:
            outputs, state.output = self._read_padded(embedded, state.padding.tolist())
        else:
            outputs, state.output = self.gru(embedded, state.output)
        state.length += input_ids.size(1)
        return outputs

    def _read_padded(self, embedded: Tensor, padding: list[int]) -> tuple[Tensor, Tensor]:
        """Read each row from its first token behind the padding on."""
        rows = [self.gru(row[None, skipped:]) for row, skipped in zip(embedded, padding, strict=True)]
        outputs = [
            pad(found[0], (0, 0, skipped, 0)) for (found, _), skipped in zip(rows, padding, strict=True)
        ]
        return torch.stack(outputs), torch.cat([last for _, last in rows], dim=1)

    def next_logits(self, input_ids: Tensor, state: State) -> Tensor:
        return self.lm_head(self.hidden(input_ids, state)[:, -1])

    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return State(padding)


class GRUFamily(ModelFamily):
    def build(self, config: GRUConfig, vocab_size: int) -> GRU:
        return GRU(config, vocab_size)


FAMILY = GRUFamily()
