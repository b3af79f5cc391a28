"""The optimizer of a run: which parameters decay, and which are Muon's."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pipeline.config.training import OptimConfig
from pipeline.errors import UserError
from train.muon import Muon
from train.zero_partitions import whole_shape


class Vetoed:
    """An optimizer whose step can be called off when its gradients are known. Comes before the optimizer's class.

    Within `step`, because there all strategies meet: Lightning computes the gradients in its closure, DeepSpeed
    calls the optimizer last.
    """

    veto: Callable[[], bool] | None = None

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.veto is None or not self.veto():
            super().step()
        return loss


class VetoedAdamW(Vetoed, AdamW):
    """AdamW with a veto."""


class VetoedMuon(Vetoed, Muon):
    """Muon with a veto."""


def build_optimizer(model: nn.Module, config: OptimConfig) -> Optimizer:
    """The optimizer of an `optim` section for the trainable parameters of a model.

    Weight decay acts on every parameter of two or more dimensions, the embeddings among them
    (as GPT-3 and its successors were trained), and not on norms and biases. Muon takes the
    matrices within the model's layers; embeddings, the output matrix and all the rest are AdamW's.

    Raises:
        UserError: where Muon is asked for a model that has no such matrices.
    """
    hidden = hidden_matrices(model) if config.name == "muon" else {}
    if config.name == "muon" and not hidden:
        raise UserError(
            "optim.name=muon needs a model with layers of matrices, and this one has none; use adamw"
        )
    groups: dict[tuple, list[nn.Parameter]] = defaultdict(list)
    for parameter in model.parameters():
        if parameter.requires_grad:
            decays = len(whole_shape(parameter)) >= 2
            kind = "muon" if parameter in hidden else "adamw"
            groups[kind, hidden.get(parameter, 1), decays].append(parameter)
    adamw_settings = {"lr": config.lr, "betas": config.betas, "eps": config.eps}
    muon_settings = {"lr": config.muon_lr or config.lr, "momentum": config.momentum}
    param_groups = []
    for (kind, split, decays), parameters in groups.items():
        group: dict[str, Any] = {"params": parameters, "weight_decay": config.weight_decay if decays else 0.0}
        if config.name == "muon":
            group["kind"] = kind
        group |= adamw_settings if kind == "adamw" else {**muon_settings, "split": split}
        param_groups.append(group)
    if config.name == "muon":
        return VetoedMuon(param_groups)
    return VetoedAdamW(param_groups, fused=True)


def hidden_matrices(model: nn.Module) -> dict[nn.Parameter, int]:
    """Trainable matrices within the layers, each with the number of blocks that it is made of.

    Layers are what sits in an `nn.ModuleList`, in our models as in those of transformers;
    embeddings and output matrices sit outside.
    """
    found: dict[nn.Parameter, int] = {}
    for stack in model.modules():
        if not isinstance(stack, nn.ModuleList):
            continue
        for name, module in stack.named_modules():
            if isinstance(module, nn.Embedding):
                continue
            for parameter in module.parameters(recurse=False):
                if parameter.requires_grad and len(whole_shape(parameter)) == 2:
                    # GPT-2's queries, keys and values lie side by side in one matrix [in, 3 × out].
                    found[parameter] = 3 if name.endswith("c_attn") else 1
    return found
