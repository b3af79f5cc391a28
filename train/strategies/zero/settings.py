"""DeepSpeed's settings of a strategy: ours, or a file of the user's."""

import json
from pathlib import Path
from typing import Any

from pipeline.config.strategies.zero import ZeroStrategy
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError

BUCKET = 100_000_000
"""Elements that are communicated at a time. DeepSpeed's own 5·10⁸ reserve 2 GB in bf16 for a model of any size."""


def deepspeed_settings(config: ZeroStrategy, trainer: TrainerConfig, on_gpu: bool) -> dict[str, Any]:
    """The dict that DeepSpeed calls its config, without batch sizes, precision and clipping.

    Raises:
        UserError: where the file that `strategy.deepspeed` names is absent, not JSON, or of another ZeRO stage.
    """
    return (
        _read_settings(config, Path(config.deepspeed))
        if config.deepspeed
        else _own_settings(config, trainer, on_gpu)
    )


def _own_settings(config: ZeroStrategy, trainer: TrainerConfig, on_gpu: bool) -> dict[str, Any]:
    zero: dict[str, Any] = {
        "stage": config.stage,
        "overlap_comm": on_gpu,
        "contiguous_gradients": True,
        "reduce_bucket_size": BUCKET,
        "allgather_bucket_size": BUCKET,
    }
    if config.offloads:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": on_gpu}
    if config.offloads_parameters:
        zero["offload_param"] = {"device": "cpu", "pin_memory": on_gpu}
    return {
        "zero_optimization": zero,
        # Optimizers other than DeepSpeed's own, as ours, are "untested" to it; torch's fused AdamW is as fast on a
        # CPU as the one that DeepSpeed would insist on.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        **_sums(config, trainer),
    }


def _sums(config: ZeroStrategy, trainer: TrainerConfig) -> dict[str, Any]:
    """In what gradients are added up: DeepSpeed's own choice is the model's bf16, for ranks as for micro-batches.

    Under ZeRO 1 sums over micro-batches in fp32 are another optimizer of DeepSpeed's, which keeps them whole: it is
    asked for only where there is something to add up.
    """
    if trainer.precision != "bf16" or config.gradients == "bf16":
        return {}
    found: dict[str, Any] = {"communication_data_type": "fp32"}
    if config.stage > 1 or trainer.accumulation > 1:
        found["data_types"] = {"grad_accum_dtype": "fp32"}
    return found


def _read_settings(config: ZeroStrategy, path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"strategy.deepspeed={path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"strategy.deepspeed={path} is not JSON: {error}") from None
    zero = settings.get("zero_optimization", {}) if isinstance(settings, dict) else None
    if not isinstance(zero, dict):
        raise UserError(f"strategy.deepspeed={path}: it, and its zero_optimization, must be a JSON object")
    if (stage := zero.get("stage", 0)) != config.stage:
        raise UserError(
            f"strategy.deepspeed={path} asks for ZeRO stage {stage} and strategy={config.choice} is stage "
            f"{config.stage}; name the strategy that the file describes"
        )
    return {"zero_allow_untested_optimizer": True, "zero_force_ds_cpu_optimizer": False, **settings}
