"""The output matrix of a masked language model."""

import torch
from torch import nn

from train.models.lm_head import LMHead


class OutputLayer(LMHead):
    """`LMHead` with a bias for each token, which starts as 0."""

    def __init__(self, in_features: int, out_features: int, std: float):
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.std = in_features, out_features, std
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.bias)
