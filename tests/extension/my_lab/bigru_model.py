"""The model itself. It writes no text, so it needs no more than what training asks of a model."""

from my_lab.bigru import BiGRUConfig
from torch import Tensor, nn

from train.models.family import ModelFamily
from train.models.interface import IGNORE_INDEX, LossSum, TrainableModel
from train.models.layers import Embedding
from train.models.lm_head import LMHead


class BiGRU(TrainableModel):
    def __init__(self, config: BiGRUConfig, vocab_size: int):
        super().__init__()
        self.config, self.vocab_size, self.context = config, vocab_size, config.context
        self.embedding = Embedding(vocab_size, config.width, 0.02)
        self.gru = nn.GRU(config.width, config.width, batch_first=True, bidirectional=True)
        self.lm_head = LMHead(2 * config.width, vocab_size, 0.02)

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> Tensor | LossSum:
        hidden = self.gru(self.embedding(input_ids))[0]
        if labels is None:
            return self.lm_head(hidden)
        return LossSum(self.lm_head(hidden, labels), (labels != IGNORE_INDEX).sum())


class BiGRUFamily(ModelFamily):
    def build(self, config: BiGRUConfig, vocab_size: int) -> BiGRU:
        return BiGRU(config, vocab_size)


FAMILY = BiGRUFamily()
