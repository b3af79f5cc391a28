"""Muon for matrices and AdamW for the rest, in one optimizer object, under any strategy."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from pipeline.config.optimizers.muon import MuonConfig
from pipeline.errors import UserError
from train.optim import MapWhole
from train.optim.groups import HiddenMatrix, decaying, hidden_matrices, input_embeddings
from train.strategies.shares import Group, whole_shape

log = logging.getLogger(__name__)

# The quintic of Jordan et al. (2024): chosen for its slope at 0, so that small singular values grow
# fast; five iterations bring all but the smallest into about [0.7, 1.2].
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5

Kind = tuple[str, str, HiddenMatrix, bool]
"""What a group's parameters have in common: `kind`, the name of their rate, what they are made of, and whether they
decay."""


def build(model: nn.Module, config: MuonConfig) -> "Muon":
    """Muon takes the matrices within the model's layers; embeddings, the output matrix and all the rest are AdamW's.

    Raises:
        UserError: where the model has no such matrices.
    """
    hidden = hidden_matrices(model)
    if not hidden:
        raise UserError(
            "optim.name=muon needs a model with layers of matrices, and this one has none; use adamw"
        )
    tables = input_embeddings(model) if config.embedding_lr else set()
    groups: dict[Kind, list[nn.Parameter]] = defaultdict(list)
    for parameter, decays in decaying(model).items():
        name = "muon_lr" if parameter in hidden else "embedding_lr" if parameter in tables else "lr"
        kind = "muon" if parameter in hidden else "adamw"
        groups[kind, name, hidden.get(parameter, HiddenMatrix()), decays].append(parameter)
    if next(model.parameters()).device.type != "meta":  # else it is but to predict memory
        log.info("%s", _shares(groups))
    settings: dict[str, dict[str, Any]] = {
        "adamw": {"betas": config.betas, "eps": config.eps},
        "muon": {"momentum": config.momentum},
    }
    return Muon(
        {
            "params": parameters,
            "kind": kind,
            "split": matrix.blocks,
            "scale": matrix.scale,
            "lr": getattr(config, name) or config.lr,
            "rate_name": name,
            "weight_decay": config.weight_decay if decay else 0.0,
            **settings[kind],
        }
        for (kind, name, matrix, decay), parameters in groups.items()
    )


def _shares(groups: Mapping[Kind, Sequence[nn.Parameter]]) -> str:
    """Whose the parameters are, in words."""
    sizes = {"muon": 0, "adamw": 0}
    others = 0
    for (kind, *_), parameters in groups.items():
        shapes = [whole_shape(parameter) for parameter in parameters]
        sizes[kind] += sum(shape.numel() for shape in shapes)
        if kind == "adamw":
            others += sum(shape.numel() for shape in shapes if len(shape) > 2)
    among = (
        f", {others:,} of them in tensors of three or more dimensions, such as convolutions" if others else ""
    )
    return (
        f"Muon trains {sizes['muon']:,} parameters, the matrices within the layers; AdamW the other "
        f"{sizes['adamw']:,}{among}"
    )


def state_names(group: Mapping[str, Any]) -> tuple[str, ...]:
    return ("momentum_buffer",) if group["kind"] == "muon" else ("step", "exp_avg", "exp_avg_sq")


def step_bytes(group: Mapping[str, Any], element_bytes: int) -> int:
    """Of Muon's matrices directions, updates, and the iteration's three matrices."""
    return 12 + 3 * element_bytes if group["kind"] == "muon" else 0


class Muon(Optimizer):
    """Momentum orthogonalized by Newton-Schulz (Jordan et al., 2024), and AdamW for the rest.

    One object for both, since DeepSpeed and Lightning take a single optimizer. Every parameter
    group has a `kind`, `muon` or `adamw`. Muon's updates are scaled by 0.2 × √max(rows, columns), so
    that their root mean square is that of AdamW's and both can share learning rate and weight
    decay (Liu et al., 2025, "Muon is Scalable for LLM Training").

    A Muon group's `split` is the number of equal blocks side by side (along the last dimension) in
    its matrices, each orthogonalized by itself. So is each matrix of a stack of three dimensions, as
    mixtures hold their experts. `scale` makes a group's steps smaller.

    Where a strategy gives the optimizer parts of matrices, `map_whole` is that strategy's: it gathers the momentum from
    all ranks and gives each its part of the orthogonalized result, so that steps are the same as with whole matrices.
    DeepSpeed's own Muon clips the orthogonalized update instead of the gradient, and would train differently.
    """

    _step_supports_amp_scaling = True  # torch's word for: obeys found_inf

    def __init__(self, param_groups: Iterable[Group]):
        groups = list(param_groups)
        for index, group in enumerate(groups):
            group["index"] = index
            if group["kind"] == "adamw":
                # Read by `Optimizer.load_state_dict`: step counts then move to the parameters' device.
                group["fused"] = True
        super().__init__(groups, defaults={})
        self.map_whole: MapWhole = lambda parameters, tensors, function: function(tensors)
        self.found_inf: Tensor | None = None
        """One where this step is to be skipped, else zero, on the device; as torch's fused optimizers have it."""
        # DeepSpeed puts its flat slices in their place, and hides all groups but one during a step.
        self._originals = [list(group["params"]) for group in self.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters and group["kind"] == "adamw":
                self._adamw(parameters, group)
            elif parameters:
                self._muon(parameters, group)
        return loss

    def _adamw(self, parameters: list[Tensor], group: Group) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                self.state[p]["exp_avg"] = torch.zeros_like(p)
                self.state[p]["exp_avg_sq"] = torch.zeros_like(p)
        states = [self.state[p] for p in parameters]
        beta1, beta2 = group["betas"]
        adamw(
            parameters,
            _gradients(parameters),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            max_exp_avg_sqs=[],
            state_steps=[state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
            found_inf=self.found_inf,
        )

    def _muon(self, parameters: list[Tensor], group: Group) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        buffers = [self.state[p]["momentum_buffer"] for p in parameters]
        gradients = self._gradients_or(buffers, parameters)
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        # Nesterov: the gradient looks one step of momentum ahead.
        directions = torch._foreach_lerp(gradients, buffers, group["momentum"])
        orthogonalized = partial(_updates, split=group["split"])
        updates = self.map_whole(self._originals[group["index"]], directions, orthogonalized)
        decay = 1 - group["lr"] * group["weight_decay"]
        if self.found_inf is None:
            torch._foreach_mul_(parameters, decay)
        else:
            torch._foreach_mul_(parameters, 1 + (decay - 1) * (1 - self.found_inf))
            torch._foreach_mul_(updates, 1 - self.found_inf)
        torch._foreach_add_(parameters, updates, alpha=-group["lr"] * group["scale"])

    def _gradients_or(self, buffers: list[Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """The gradients, or where this step is to be skipped the momentum, which then stays as it is."""
        gradients = _gradients(parameters)
        if self.found_inf is None:
            return gradients
        skipped = self.found_inf > 0
        return [torch.where(skipped, b, g) for b, g in zip(buffers, gradients, strict=True)]


def _gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Those of parameters that have one."""
    return [p.grad for p in parameters if p.grad is not None]


def _updates(directions: Sequence[Tensor], split: int) -> list[Tensor]:
    """The directions with each of their blocks orthogonalized, at AdamW's scale.

    Raises:
        UserError: where they are no matrices.
    """
    if any(direction.ndim < 2 for direction in directions):
        raise UserError(
            "optim.name=muon needs whole matrices, and this strategy gives the optimizer slices of them; choose "
            "another strategy, or optim.name=adamw"
        )
    blocks = [block for direction in directions for block in direction.chunk(split, 1)]
    updates = [
        update.to(block.dtype).mul_(0.2 * max(block.shape[-2:]) ** 0.5)
        for block, update in zip(blocks, orthogonalize(blocks), strict=True)
    ]
    if split == 1:
        return updates
    return [torch.cat(updates[start : start + split], 1) for start in range(0, len(updates), split)]


def orthogonalize(matrices: list[Tensor]) -> list[Tensor]:
    """The nearest semi-orthogonal matrix of each, approximately: U Vᵀ for U S Vᵀ.

    Singular values end up in about [0.7, 1.2] and not at 1, which Jordan et al. (2024) found to
    make no difference. Matrices of one shape, up to transposition, go through the iteration as one
    batch; a stack [N, rows, columns] is one already. It runs in bf16 on a GPU; in fp32 on a CPU,
    where bf16 is mostly emulated.
    """
    batches: dict[tuple[int, int, torch.device], list[int]] = defaultdict(list)
    found: dict[int, Tensor] = {}
    for index, matrix in enumerate(matrices):
        if matrix.ndim == 3:
            found[index] = _turn(_newton_schulz(_turn(matrix, matrix)), matrix)
        else:
            narrow, wide = sorted(matrix.shape)
            batches[narrow, wide, matrix.device].append(index)
    for indices in batches.values():
        batch = torch.stack([_turn(matrices[index], matrices[index]) for index in indices])
        for index, result in zip(indices, _newton_schulz(batch), strict=True):
            found[index] = _turn(result, matrices[index])
    return [found[index] for index in range(len(matrices))]


def _turn(tensor: Tensor, matrix: Tensor) -> Tensor:
    """Transposed where the matrix is tall: of a wide one the iteration's Gram matrices are the small ones."""
    return tensor.mT if matrix.size(-2) > matrix.size(-1) else tensor


def _newton_schulz(batch: Tensor) -> Tensor:
    """Orthogonalize a batch [N, rows, columns] with rows ≤ columns."""
    a, b, c = _QUINTIC
    x = batch.to(torch.bfloat16 if batch.device.type == "cuda" else torch.float32)
    # The Frobenius norm bounds the spectral norm, within which the iteration converges.
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x
