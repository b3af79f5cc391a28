"""The model itself, which says of its family no more than how it is built."""

import torch
from my_lab.gru import GRUConfig
from torch import Tensor, nn

from train.models.family import ModelFamily
from train.models.interface import IGNORE_INDEX, LossSum
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


class GRU(nn.Module):
    gradient_checkpointing = False
    blocks: tuple[nn.Module, ...] = ()

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

    def hidden(self, input_ids: Tensor, state: State | None = None, segments: Tensor | None = None) -> Tensor:
        outputs, last = self.gru(self.embedding(input_ids), None if state is None else state.output)
        if state is not None:
            state.output, state.length = last, state.length + input_ids.size(1)
        return outputs

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
