"""FSDP2: parameters, gradients and optimizer states are cut along their first dimension, a part for each rank."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self, cast

import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from pipeline.config.strategies.fsdp import FSDPStrategy
from pipeline.config.training import TrainerConfig
from train.models.interface import TrainableModel
from train.models.numerics import BF16, FP32
from train.models.sizes import ModelSizes
from train.models.weights import Weights, materialize
from train.strategies.memory import StrategyMemory
from train.strategies.shared_work import Function
from train.strategies.shares import Fragment, Share
from train.strategies.strategy import TrainingStrategy, process_group
from train.strategies.whole_rows import map_whole_rows


class FSDP(TrainingStrategy, ModelParallelStrategy):
    """FSDP2 over all ranks: each block's parameters are gathered when it runs, and let go again."""

    replicates: ClassVar[bool] = False

    _root: FSDPModule

    def __init__(self, ranks: int, bf16: bool, reduces_once: bool, **settings: Any):
        super().__init__(data_parallel_size=ranks, tensor_parallel_size=1, **settings)
        self._bf16, self._reduces_once = bf16, reduces_once

    @classmethod
    def build(cls, config: FSDPStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        once = config.reduce == "step"
        return cls(trainer.ranks, trainer.precision == "bf16", once, **process_group(trainer, on_gpu))

    @classmethod
    def memory(
        cls, config: FSDPStrategy, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
    ) -> StrategyMemory:
        """Everything is spread. Gathered are the root's parameters, the block at work and the next one; a block's
        gradient is reduced in fp32. Gradients that are reduced once a step are kept whole before."""
        compute = BF16 if trainer.precision == "bf16" else FP32
        part, trained = FP32 * sizes.parameters // trainer.ranks, FP32 * sizes.trained // trainer.ranks
        gathered = compute * (sizes.outside + 2 * sizes.block)
        reduced = (compute + FP32) * max(sizes.block, sizes.outside) * sizes.trained // sizes.parameters
        if config.reduce == "step" and trainer.accumulation > 1:
            trained += FP32 * sizes.trained
        return StrategyMemory(part, trained, state_bytes // trainer.ranks, gathered + reduced)

    @classmethod
    def lightning_precision(cls, precision: str) -> Literal["bf16-mixed", "32-true"]:
        return "32-true"  # FSDP2 casts what it gathers

    def shard(self, model: TrainableModel) -> None:
        for block in model.blocks:
            self._cut(block)
        self._root = self._cut(model)

    def materialize(self, model: TrainableModel, weights: Weights) -> None:
        # A block is cut as soon as it is whole, so that a rank never holds more than one, and what is in none.
        materialize(model, weights, self.root_device, self._cut)
        self._root = self._cut(model)

    def _cut(self, module: nn.Module) -> FSDPModule:
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if self._bf16 else None, reduce_dtype=torch.float32
        )
        return fully_shard(module, mesh=self.device_mesh["data_parallel"], mp_policy=policy)

    @contextmanager
    def block_backward_sync(self) -> Generator[None]:
        """Around micro-batches that are not the last of a step."""
        self._root.set_requires_gradient_sync(not self._reduces_once)
        yield
        self._root.set_requires_gradient_sync(True)

    @contextmanager
    def gathered(self, model: nn.Module) -> Generator[None]:
        """What is outside the blocks; a block is gathered when it is called."""
        root = cast(FSDPModule, model)
        root.unshard()
        yield
        root.reshard()

    def grad_norm(self) -> Tensor | None:
        # Each rank has the norm of its part.
        return self._norm.full_tensor() if isinstance(self._norm, DTensor) else self._norm

    def shares(self, model: nn.Module) -> list[Share]:
        if isinstance(model, FSDPModule):
            model.reshard()  # what is outside the blocks stays gathered after a validation
        groups = self.own_optimizer.param_groups
        return [Share(p, group, _rows_here(p)) for group in groups for p in group["params"]]

    def map_whole(
        self,
        parameters: Sequence[nn.Parameter],
        tensors: Sequence[Tensor],
        function: Function,
    ) -> list[Tensor]:
        return map_whole_rows(cast(Sequence[DTensor], tensors), function)


def _rows_here(parameter: nn.Parameter) -> tuple[Fragment, ...]:
    """This rank's rows, which are one run of elements; none where there are fewer rows than ranks."""
    sharded = cast(DTensor, parameter)
    size = sharded.to_local().numel()
    if not size:
        return ()
    _, offset = compute_local_shape_and_global_offset(sharded.shape, sharded.device_mesh, sharded.placements)
    row = sharded.shape[1:].numel()
    return (Fragment(parameter, offset[0] * row, 0, size),)


STRATEGY = FSDP
