"""A mixture of experts in place of an MLP (Shazeer et al., 2017), with the parameter names of `Qwen3MoeForCausalLM`.

Each token passes the k experts whose probability is highest, however many others chose the same: none is dropped.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.decoder import DecoderConfig
from train.models.balance import routing_sums
from train.models.grouped import grouped_linear
from train.models.layers import Linear


class Experts(nn.Module):
    """The experts' gated MLPs, as stacks of matrices."""

    def __init__(self, config: DecoderConfig, experts: int):
        super().__init__()
        self.std, self.residual_std = config.init_std, config.residual_std
        self.gate_up_proj = nn.Parameter(torch.empty(experts, 2 * config.expert_width, config.hidden))
        self.down_proj = nn.Parameter(torch.empty(experts, config.hidden, config.expert_width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.gate_up_proj, std=self.std)
        nn.init.normal_(self.down_proj, std=self.residual_std)

    def forward(self, x: Tensor, chosen: Tensor, shares: Tensor) -> Tensor:
        """Tokens [N, H], each through its experts [N, k], whose outputs are summed by their shares [N, k]."""
        order = chosen.flatten().argsort(stable=True)
        counts = F.one_hot(chosen.flatten(), self.down_proj.size(0)).sum(0)
        gate, up = grouped_linear(x[order // chosen.size(1)], self.gate_up_proj, counts).chunk(2, -1)
        mixed = grouped_linear(F.silu(gate) * up, self.down_proj, counts)
        # Back into the tokens' order, rather than added up by index: that would keep one tensor more for the backward
        # pass, and add on a GPU in an order that is another each time.
        mixed = mixed[order.argsort()].unflatten(0, chosen.shape)
        return (mixed * shares[..., None].to(mixed.dtype)).sum(1)


class Mixture(nn.Module):
    """A router and its experts."""

    def __init__(self, config: DecoderConfig, experts: int):
        super().__init__()
        self.chosen, self.normalizes = config.experts_per_token, config.norm_topk_prob
        self.gate = Linear(config.hidden, experts, config.init_std)
        self.experts = Experts(config, experts)

    def fix(self) -> None:
        """Gate and up are one matrix already."""

    def forward(self, x: Tensor, counted: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The experts' sum for x [B, T, H], and what the router did (`routing_sums`).

        Args:
            counted: which tokens are no padding, [B, T]; None where all are.
        """
        flat = x.flatten(0, 1)
        logits = self.gate(flat)
        probabilities = logits.softmax(-1, dtype=torch.float32)
        shares, chosen = probabilities.topk(self.chosen, -1)
        if self.normalizes:
            shares = shares / shares.sum(-1, keepdim=True)
        sums = routing_sums(logits, probabilities, chosen, None if counted is None else counted.flatten())
        return self.experts(flat, chosen, shares).view_as(x), sums
