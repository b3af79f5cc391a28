"""What ZeRO needs of a rank's memory: as Rajbhandari et al. (2020, section 3) count it, with the copies that DeepSpeed
0.19 makes besides; `tests/distributed/test_memory.py` measures them."""

from typing import Any

from pipeline.config.strategies.zero import ZeroStrategy
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from train.models.numerics import BF16, FP32
from train.models.sizes import ModelSizes
from train.strategies.memory import StrategyMemory
from train.strategies.zero.settings import deepspeed_settings

REDUCE_BUCKET = 500_000_000
"""Elements that DeepSpeed reserves to reduce gradients in, where its file does not say."""


def zero_memory(
    config: ZeroStrategy, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
) -> StrategyMemory:
    """Bytes of one rank. The fp32 master copy exists also where the parameters are fp32."""
    element = BF16 if trainer.precision == "bf16" else FP32
    count, part = sizes.parameters, sizes.parameters // trainer.ranks
    own = sizes.trained // trainer.ranks
    accumulates = trainer.accumulation > 1
    settings = _settings(config, trainer, on_gpu)
    summed = FP32 if "grad_accum_dtype" in settings.get("data_types", {}) else element
    master_and_states = FP32 * own + state_bytes // trainer.ranks
    buffers = _buffers(config, settings, sizes, element, on_gpu)
    if not config.offloads:
        return StrategyMemory(
            parameters=element * (part if config.stage == 3 else count),
            gradients=_gradients(config, sizes, own, element, summed, accumulates),
            optimizer=master_and_states,
            buffers=buffers,
            step=(element + FP32) * own,
        )
    gradients = 0
    if config.offloads_parameters:
        # Parameters, gradients and a second, fp32 copy of the gradients for the optimizer.
        host = element * part + (summed + FP32) * own + master_and_states
        parameters = 0
    else:
        # fp32 gradients, the updated parameters on their way back, a staging buffer; gradients that accumulate.
        host = (FP32 + element + (element if accumulates else 0)) * own + element * sizes.largest
        host += master_and_states
        parameters = element * count
        if summed != element:
            gradients = summed * part  # of a micro-batch, on the device until they are added up on the host
        buffers += element * sizes.largest
    if on_gpu:
        return StrategyMemory(parameters, gradients, 0, buffers, host)
    return StrategyMemory(parameters, gradients, host, buffers)


def _gradients(
    config: ZeroStrategy, sizes: ModelSizes, part: int, element: int, summed: int, accumulates: bool
) -> int:
    """Those of a micro-batch lie beside the sum where their type is another, under ZeRO 1 all of them."""
    if config.stage > 1 or not accumulates:
        return summed * part
    return sizes.trained * (summed + (element if summed != element else 0))


def _buffers(
    config: ZeroStrategy, settings: dict[str, Any], sizes: ModelSizes, element: int, on_gpu: bool
) -> int:
    section = settings.get("zero_optimization", {})
    if config.stage == 1 and "grad_accum_dtype" in settings.get("data_types", {}):
        return FP32 * min(REDUCE_BUCKET, sizes.parameters)  # whatever the settings say
    bucket = int(section.get("reduce_bucket_size", REDUCE_BUCKET))
    doubled = section.get("overlap_comm", on_gpu) and config.stage < 3
    # Of a reserved bucket, a CPU gives memory to what is touched; a GPU to all of it.
    reduced = FP32 if settings.get("communication_data_type") == "fp32" else element
    found = reduced * (bucket if on_gpu else min(bucket, sizes.trained)) * (2 if doubled and on_gpu else 1)
    if config.stage == 3:
        # Parameters are let go after use unless they are read again soon: a block, the next, and the largest.
        found += element * (2 * sizes.block + sizes.largest)
    return found


def _settings(config: ZeroStrategy, trainer: TrainerConfig, on_gpu: bool) -> dict[str, Any]:
    try:
        return deepspeed_settings(config, trainer, on_gpu)
    except UserError:
        return {}  # the training itself says what is wrong with the file
