"""Predicted memory of a training run per rank, by component, without building any weights.

What is kept of parameters, gradients and optimizer states, the strategy says (`train/strategies/strategy.py`): of
activations and loss the model's family (`train/models/family.py`).
"""

from dataclasses import dataclass, fields
from functools import cache

import torch
from pydantic import TypeAdapter

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from train.checkpoints.named_model import NamedModel
from train.memory.sizes import adapter_activations, trained_model, trained_sizes
from train.models import TrainableModel, family
from train.models.lm_head import tokens_per_chunk
from train.models.numerics import BF16, FP32, Numerics
from train.models.sizes import model_sizes
from train.models.weights import draws_by_layer
from train.optim import STEP, build_optimizer, optimizer_module
from train.strategies.memory import StrategyMemory
from train.strategies.strategy import strategy_class

RUNTIME_GPU, RUNTIME_CPU = 1_000_000_000, 500_000_000
"""Bytes that CUDA's context, kernels' workspaces and the allocator's gaps take, or Python with its libraries."""

DISTRIBUTIONS = 5
"""Arrays of a chunk of tokens times the vocabulary that a comparison with a teacher makes besides the student's."""

_COMPONENTS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "buffers": "strategy's buffers",
    "activations": "activations",
    "loss": "logits and loss",
    "step": "optimizer's step",
    "teacher": "teacher",
    "runtime": "runtime",
}
"""What makes up a rank's memory, by field of `Memory`."""


@dataclass(frozen=True)
class OptimizerSizes:
    """What an optimizer keeps of a model's parameters, over all ranks."""

    states: int
    """Elements, in fp32."""
    step: int
    """Bytes that a step needs for a while, beyond states and gradients."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one rank at the peak of a step."""

    parameters: int
    gradients: int
    optimizer: int
    """Its states, and the fp32 master copy of the parameters where there is one."""
    buffers: int
    """What the strategy adds: parameters gathered to compute with, buckets to communicate in, casts."""
    activations: int
    loss: int
    """Logits of a chunk, and the gradients made with them."""
    step: int
    """What the optimizer's step needs beyond that: it comes when activations and loss are gone."""
    runtime: int
    host: int = 0
    """In the host's memory, of a rank that trains on a GPU with offloading."""
    start: int = 0
    """In the host's memory, while the model is built: all of its weights, or where ranks draw them layer by layer the
    largest ones."""
    teacher: int = 0
    """Whom the model learns from: its weights, what it reads, and what is compared of a chunk."""

    @property
    def parts(self) -> dict[str, int]:
        """What it is made up of, by names for people."""
        return {label: getattr(self, name) for name, label in _COMPONENTS.items()}

    @property
    def states(self) -> int:
        """Parameters, gradients and optimizer, wherever they are."""
        return self.parameters + self.gradients + self.optimizer + self.host

    @property
    def total(self) -> int:
        """On the device."""
        return sum(getattr(self, field.name) for field in fields(self) if field.name not in ("host", "start"))


def optimizer_sizes(model: TrainableModel, config: OptimizerConfig, element_bytes: int) -> OptimizerSizes:
    """Of the optimizer that a section describes, for a model that computes in numbers of `element_bytes`.

    Args:
        model: of `trained_model`.

    Raises:
        UserError: where the optimizer is of no use for this model.
    """
    return _optimizer_sizes(model, config.model_dump_json(), element_bytes)


@cache
def _optimizer_sizes(model: TrainableModel, optim_json: str, element_bytes: int) -> OptimizerSizes:
    config = TypeAdapter(OptimizerConfig).validate_json(optim_json)
    module = optimizer_module(config)
    states = step = 0
    for group in build_optimizer(model, config).param_groups:
        elements = sum(p.numel() for p in group["params"])
        states += elements * len([name for name in module.state_names(group) if name != STEP])
        step += elements * module.step_bytes(group, element_bytes)
    return OptimizerSizes(states, step)


def strategy_memory(
    model: ModelConfig,
    vocab_size: int,
    optim: OptimizerConfig,
    trainer: TrainerConfig,
    strategy: StrategyConfig,
    on_gpu: bool,
    lora: LoRAConfig | None = None,
) -> StrategyMemory | None:
    """What the strategy keeps on one rank; None where it does not say."""
    states = FP32 * optimizer_sizes(trained_model(model, vocab_size, lora), optim, FP32).states
    sizes = trained_sizes(model, vocab_size, lora)
    return strategy_class(strategy).memory(strategy, trainer, sizes, states, on_gpu)


def predict(
    model: ModelConfig,
    vocab_size: int,
    optim: OptimizerConfig,
    trainer: TrainerConfig,
    strategy: StrategyConfig,
    on_gpu: bool,
    masked: bool = False,
    lora: LoRAConfig | None = None,
    targets: int = 0,
    teacher: NamedModel | None = None,
) -> Memory | None:
    """Memory of one rank in training `model`, or adapters of it; `masked` where a mask keeps documents apart, `targets`
    the tokens that an encoder–decoder writes to an example, `teacher` whom it learns from. None where
    the strategy, or the family of the model or its teacher, does not say what it needs."""
    kept = strategy_memory(model, vocab_size, optim, trainer, strategy, on_gpu, lora)
    if kept is None:
        return None
    compute = BF16 if trainer.precision == "bf16" else FP32
    trained = trained_model(model, vocab_size, lora)
    optimizer = optimizer_sizes(trained, optim, compute)
    residual = FP32 if kept.autocast else compute
    numerics = Numerics(compute, residual, autocast=kept.autocast, on_gpu=on_gpu)
    length = trainer.sequence_length or model.context
    tokens = trainer.global_batch // trainer.ranks // trainer.accumulation * length
    of_family = family(model).with_targets(targets)
    per_token = of_family.activation_bytes(model, length, numerics, trainer.activation_checkpointing, masked)
    loss = of_family.loss_bytes(model, vocab_size, tokens, numerics)
    taught = 0 if teacher is None else _teacher_bytes(teacher, vocab_size, tokens, length, numerics, masked)
    if per_token is None or loss is None or taught is None:
        return None
    if lora is not None:
        per_token += adapter_activations(trained, lora, compute)
    activations, sizes = tokens * per_token, trained_sizes(model, vocab_size, lora)
    return Memory(
        kept.parameters,
        kept.gradients,
        kept.optimizer,
        kept.buffers,
        activations,
        loss,
        max(0, optimizer.step + kept.step - activations - loss),
        RUNTIME_GPU if on_gpu else RUNTIME_CPU,
        kept.host,
        FP32 * (sizes.largest if lora is None and draws_by_layer(model, trainer.ranks) else sizes.parameters),
        taught,
    )


def _teacher_bytes(
    teacher: NamedModel, vocab_size: int, tokens: int, length: int, numerics: Numerics, masked: bool
) -> int | None:
    """Weights of the teacher, what its reading of a micro-batch takes, and both distributions of a chunk; None where
    its family does not say."""
    of_family = family(teacher.config)
    # Without gradients one block at a time is there; its input, which recomputation keeps of each, is a little more.
    per_token = of_family.activation_bytes(teacher.config, length, numerics, True, masked)
    if per_token is None:
        return None
    chunk = min(tokens, tokens_per_chunk(vocab_size, torch.device("cuda" if numerics.on_gpu else "cpu")))
    weights = FP32 * model_sizes(teacher.config, teacher.vocab_size).parameters
    return weights + tokens * per_token + DISTRIBUTIONS * chunk * vocab_size * FP32
