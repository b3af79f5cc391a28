"""The layers from a text's vector to its labels, as the classes of transformers for our layouts have them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.encoder import EncoderConfig
from train.models.layers import BiasedLinear, Linear

NAMES = {
    "bert": {"score.dense.": "bert.pooler.dense.", "score.labels.": "classifier."},
    "modernbert": {
        "score.dense.": "head.dense.",
        "score.norm.": "head.norm.",
        "score.labels.": "classifier.",
    },
}
"""By layout, what the parameters' names begin with in `…ForSequenceClassification`."""


def in_transformers(name: str, layout: str) -> str:
    """A parameter's name there."""
    for ours, theirs in NAMES[layout].items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


class LabelHead(nn.Module):
    """A layer with tanh (bert) or with GELU and a norm (modernbert) before the labels' matrix."""

    def __init__(self, config: EncoderConfig, labels: int):
        super().__init__()
        self.is_bert = config.layout == "bert"
        if self.is_bert:
            self.dense: nn.Linear = BiasedLinear(config.hidden, config.hidden, config.init_std)
        else:
            self.dense = Linear(config.hidden, config.hidden, config.residual_std)
            self.norm = nn.LayerNorm(config.hidden, eps=config.epsilon, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.labels = BiasedLinear(config.hidden, labels, config.init_std)

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits [N, labels] of vectors [N, H]."""
        x = self.dense(vectors)
        x = torch.tanh(x) if self.is_bert else self.norm(F.gelu(x))
        return self.labels(self.dropout(x))
