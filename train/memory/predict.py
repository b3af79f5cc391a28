"""Predicted memory of a training run per rank, by component, without building any weights.

What a strategy keeps of parameters, gradients and optimizer states follows Rajbhandari et al. (2020, "ZeRO", section
3), with the copies that DeepSpeed 0.19 and FSDP2 make besides; `tests/distributed/test_memory.py` measures them.
Activations and loss: the model's family says (`train/models/family.py`).
"""

from dataclasses import dataclass, fields
from functools import cache

import torch
from pydantic import TypeAdapter

from pipeline.config.models import ModelConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.training import StrategyConfig, TrainerConfig
from pipeline.errors import UserError
from train.checkpoints.training_state import STEP
from train.models import LanguageModel, build_model, count_parameters, family
from train.models.numerics import BF16, FP32, Numerics
from train.optim import build_optimizer, optimizer_module
from train.strategies.deepspeed_settings import deepspeed_settings

REDUCE_BUCKET = 500_000_000
"""Elements that DeepSpeed's ZeRO reserves to reduce gradients in, where its file does not say."""
RUNTIME_GPU, RUNTIME_CPU = 1_000_000_000, 500_000_000
"""Bytes that CUDA's context, kernels' workspaces and the allocator's gaps take, or Python with its libraries."""


@dataclass(frozen=True)
class ModelSizes:
    """Numbers of elements."""

    parameters: int
    """Shared ones counted once."""
    largest: int
    """Of one parameter."""
    block: int
    """Of one of the repeated blocks; 0 where there are none."""
    outside: int
    """Of all that is in no block."""
    matrices: int
    """Of what linear layers multiply with."""


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

    @property
    def states(self) -> int:
        """Parameters, gradients and optimizer, wherever they are."""
        return self.parameters + self.gradients + self.optimizer + self.host

    @property
    def total(self) -> int:
        """On the device."""
        return sum(getattr(self, field.name) for field in fields(self) if field.name != "host")


def model_sizes(config: ModelConfig, vocab_size: int) -> ModelSizes:
    """Of the model that a section describes, without building its weights."""
    return _model_sizes(config.model_dump_json(), vocab_size)


def optimizer_sizes(
    model: ModelConfig, vocab_size: int, config: OptimizerConfig, element_bytes: int
) -> OptimizerSizes:
    """Of the optimizer that a section describes, for a model that computes in numbers of `element_bytes`.

    Raises:
        UserError: where the optimizer is of no use for this model.
    """
    return _optimizer_sizes(model.model_dump_json(), vocab_size, config.model_dump_json(), element_bytes)


# Memory is predicted again and again for other settings, and sections cannot be hashed: their JSON can.


@cache
def meta_model(model_json: str, vocab_size: int) -> LanguageModel:
    """The model without memory for its weights: on torch's meta device."""
    config = TypeAdapter(ModelConfig).validate_json(model_json)
    with torch.device("meta"):
        return build_model(family(config).without_weights(config, vocab_size), vocab_size)


@cache
def _optimizer_sizes(model_json: str, vocab_size: int, optim_json: str, element_bytes: int) -> OptimizerSizes:
    config = TypeAdapter(OptimizerConfig).validate_json(optim_json)
    module = optimizer_module(config)
    states = step = 0
    for group in build_optimizer(meta_model(model_json, vocab_size), config).param_groups:
        elements = sum(p.numel() for p in group["params"])
        states += elements * len([name for name in module.state_names(group) if name != STEP])
        step += elements * module.step_bytes(group, element_bytes)
    return OptimizerSizes(states, step)


@cache
def _model_sizes(model_json: str, vocab_size: int) -> ModelSizes:
    model = meta_model(model_json, vocab_size)
    parameters = count_parameters(model)
    blocks = [sum(p.numel() for p in block.parameters()) for block in model.blocks]
    embeddings = {m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    heads = {m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)}
    return ModelSizes(
        parameters,
        max(p.numel() for p in model.parameters()),
        max(blocks, default=0),
        parameters - sum(blocks),
        sum(p.numel() for p in model.parameters() if p.ndim >= 2 and (p not in embeddings or p in heads)),
    )


def predict(
    model: ModelConfig,
    vocab_size: int,
    optim: OptimizerConfig,
    trainer: TrainerConfig,
    strategy: StrategyConfig,
    on_gpu: bool,
    masked: bool = False,
) -> Memory | None:
    """Memory of one rank in training `model`; `masked` where a mask keeps documents apart. None where the model's
    family does not say what it needs."""
    sizes = model_sizes(model, vocab_size)
    kind, bf16, ranks = strategy.name, trainer.precision == "bf16", trainer.ranks
    sharded_types = kind.startswith("zero") or kind == "fsdp"
    numerics = Numerics(
        compute=BF16 if bf16 else FP32,
        residual=BF16 if bf16 and sharded_types else FP32,
        autocast=bf16 and not sharded_types,
        on_gpu=on_gpu,
    )
    rows = trainer.global_batch // ranks // trainer.accumulation
    length = trainer.sequence_length or model.context
    optimizer_size = optimizer_sizes(model, vocab_size, optim, numerics.compute)
    state_bytes, step = FP32 * optimizer_size.states, optimizer_size.step
    if kind.startswith("zero"):
        kept = _zero(sizes, kind, trainer, numerics, state_bytes, _zero_section(strategy, on_gpu), on_gpu)
        step += 0 if kind.endswith("_offload") else (numerics.compute + FP32) * sizes.parameters // ranks
    elif kind == "fsdp":
        kept = _fsdp(sizes, ranks, numerics, state_bytes)
    else:
        # Autocast casts each matrix once per forward pass and keeps it for the backward pass.
        buffers = BF16 * sizes.matrices if bf16 else 0
        # Gradients are views into DDP's buckets, and take nothing more.
        kept = (FP32 * sizes.parameters, FP32 * sizes.parameters, state_bytes, buffers, 0)
    parameters, gradients, optimizer, buffers, host = kept
    tokens, of_family = rows * length, family(model)
    per_token = of_family.activation_bytes(model, length, numerics, trainer.activation_checkpointing, masked)
    loss = of_family.loss_bytes(model, vocab_size, tokens, numerics)
    if per_token is None or loss is None:
        return None
    activations = tokens * per_token
    return Memory(
        parameters,
        gradients,
        optimizer,
        buffers,
        activations,
        loss,
        max(0, step - activations - loss),
        RUNTIME_GPU if on_gpu else RUNTIME_CPU,
        host,
    )


def _fsdp(sizes: ModelSizes, ranks: int, numerics: Numerics, states: int) -> tuple[int, int, int, int, int]:
    """FSDP2: everything is spread. Gathered are the root's parameters, the block at work and the next one; a block's
    gradient is reduced in fp32."""
    part = FP32 * sizes.parameters // ranks
    gathered = numerics.compute * (sizes.outside + 2 * sizes.block)
    reduced = (numerics.compute + FP32) * max(sizes.block, sizes.outside)
    return part, part, states // ranks, gathered + reduced, 0


def _zero(
    sizes: ModelSizes,
    kind: str,
    trainer: TrainerConfig,
    numerics: Numerics,
    states: int,
    section: dict,
    on_gpu: bool,
) -> tuple[int, int, int, int, int]:
    """ZeRO as DeepSpeed does it: the fp32 master copy exists also where the parameters are fp32."""
    ranks, element, count = trainer.ranks, numerics.compute, sizes.parameters
    part = count // ranks
    master_and_states = FP32 * part + states // ranks
    bucket = int(section.get("reduce_bucket_size", REDUCE_BUCKET))
    doubled = section.get("overlap_comm", on_gpu) and not kind.startswith("zero3")
    # Of a reserved bucket, a CPU gives memory to what is touched; a GPU to all of it.
    buffers = element * (bucket if on_gpu else min(bucket, count)) * (2 if doubled and on_gpu else 1)
    accumulates = trainer.accumulation > 1
    if kind.startswith("zero3"):
        # Parameters are let go after use unless they are read again soon: a block, the next, and the largest.
        buffers += element * (2 * sizes.block + sizes.largest)
    if not kind.endswith("_offload"):
        parameters = element * (part if kind == "zero3" else count)
        gradients = element * (count if kind == "zero1" and accumulates else part)
        return parameters, gradients, master_and_states, buffers, 0
    if kind == "zero3_offload":
        # Parameters, gradients and a second, fp32 copy of the gradients for the optimizer.
        host = (2 * element + FP32) * part + master_and_states
        parameters = 0
    else:
        # fp32 gradients, the updated parameters on their way back, a staging buffer; gradients that accumulate.
        host = (FP32 + element + (element if accumulates else 0)) * part + element * sizes.largest
        host += master_and_states
        parameters = element * count
        buffers += element * sizes.largest
    return (parameters, 0, 0, buffers, host) if on_gpu else (parameters, 0, host, buffers, 0)


def _zero_section(strategy: StrategyConfig, on_gpu: bool) -> dict:
    try:
        return deepspeed_settings(strategy, on_gpu).get("zero_optimization", {})
    except UserError:
        return {}  # the training itself says what is wrong with the file
