"""The optimizer of a run: `build_optimizer` makes the one that a section names, from its module in this folder.

What the rest of the program asks of an optimizer's module:

- `build(model, config) -> Optimizer`, for the trainable parameters of a model;
- `state_names(group) -> tuple[str, ...]`, the names under which the optimizer keeps a state of each parameter of a
  group, as in `optimizer.state[parameter]`: tensors of the parameter's shape, which start as zeros, and where it
  counts steps `step`, a number. Checkpoints keep these, and memory is predicted from them;
- `step_bytes(group, element_bytes) -> int`, bytes per element of the group's parameters that a step needs for a
  while, beyond states and gradients, where the model computes in numbers of `element_bytes`.

An optimizer that needs whole matrices, of which a strategy may give it parts, is a `NeedsWhole`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.config.optimizers import OptimizerConfig
from train.optim.veto import Vetoed, allow_veto
from train.strategies.shared_work import Function

STEP = "step"
"""The state in which optimizers count their steps."""


MapWhole = Callable[[Sequence[nn.Parameter], Sequence[Tensor], Function], list[Tensor]]
"""`TrainingStrategy.map_whole` (`train/strategies/strategy.py`)."""


@runtime_checkable
class NeedsWhole(Protocol):
    """An optimizer that needs whole matrices: its attribute is set to the strategy's method of that name."""

    map_whole: MapWhole


class OptimizerModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def build(model: nn.Module, config: Any) -> Optimizer: ...

    @staticmethod
    def state_names(group: Mapping[str, Any]) -> tuple[str, ...]: ...

    @staticmethod
    def step_bytes(group: Mapping[str, Any], element_bytes: int) -> int: ...


def optimizer_module(config: OptimizerConfig) -> OptimizerModule:
    """The module that an `optim` section names."""
    return config.load(OptimizerModule)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Vetoed:
    """The optimizer of an `optim` section for the trainable parameters of a model; its step can be vetoed.

    Raises:
        UserError: where the optimizer is of no use for this model.
    """
    return allow_veto(optimizer_module(config).build(model, config))
