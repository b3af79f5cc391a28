"""What DeepSpeed is told: in what gradients are added up."""

import pytest

from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from train.strategies.zero.settings import deepspeed_settings

ACCUMULATED = {"data_types": {"grad_accum_dtype": "fp32"}}
REDUCED = {"communication_data_type": "fp32"}


@pytest.mark.parametrize(
    ("strategy", "precision", "accumulates", "expected"),
    [
        ("zero1", "bf16", False, REDUCED),
        ("zero1", "bf16", True, REDUCED | ACCUMULATED),
        ("zero2", "bf16", False, REDUCED | ACCUMULATED),
        ("zero3", "bf16", True, REDUCED | ACCUMULATED),
        ("zero3_offload", "bf16", True, REDUCED | ACCUMULATED),
        ("zero2", "fp32", True, {}),
    ],
)
def test_gradients_are_summed_in_fp32_by_default(
    strategy: str, precision: str, accumulates: bool, expected: dict
) -> None:
    sizes = {"global_batch": 8, "devices": 2, "micro_batch": 1 if accumulates else 4}
    trainer = TrainerConfig(steps=1, precision=precision, **sizes)
    keys = REDUCED.keys() | ACCUMULATED.keys()
    for gradients in ("fp32", "bf16"):
        config = StrategyConfig.choose(strategy, gradients=gradients)
        told = deepspeed_settings(config, trainer, on_gpu=True)
        found = {key: told[key] for key in keys & told.keys()}
        assert found == (expected if gradients == "fp32" else {})
