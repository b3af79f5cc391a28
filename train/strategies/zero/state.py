"""The training state under ZeRO: flat fp32 slices of parameter groups, and what is made of them."""

from typing import Any

from pipeline.errors import UserError
from train.strategies.shares import Share
from train.strategies.zero.partitions import zero_1_and_2_fragments, zero_3_fragments

STAGES_1_AND_2, STAGE_3 = "DeepSpeedZeroOptimizer", "DeepSpeedZeroOptimizer_Stage3"
STAGE_1_SUMS_IN_FP32 = "BF16_Optimizer"
KINDS = (STAGES_1_AND_2, STAGE_3, STAGE_1_SUMS_IN_FP32)
"""DeepSpeed's classes, by name: to import them takes seconds."""


def zero_shares(zero: Any) -> list[Share]:
    """What this rank holds: a slice of each of the optimizer's groups, under ZeRO 3 of parts of them.

    Raises:
        UserError: where DeepSpeed has put something else around the optimizer.
    """
    optimizer, kind = zero.optimizer, type(zero).__name__
    if not hasattr(optimizer, "param_groups") or kind not in KINDS:
        raise UserError(f"checkpoints of DeepSpeed's {kind} are not supported; choose ZeRO 1, 2 or 3")
    if kind == STAGE_3:
        group_of = zero.sub_group_to_group_id
        return [
            Share(flat, optimizer.param_groups[group_of[index]], zero_3_fragments(parameters))
            for index, (parameters, flat) in enumerate(
                zip(zero.fp16_groups, zero.fp32_partitioned_groups_flat, strict=True)
            )
        ]
    if kind == STAGE_1_SUMS_IN_FP32:
        groups, slices = zero.bf16_groups, zero.fp32_groups_flat_partition
    else:
        groups, slices = zero.bit16_groups, zero.single_partition_of_fp32_groups
    return [
        Share(flat, group, zero_1_and_2_fragments(parameters))
        for group, parameters, flat in zip(optimizer.param_groups, groups, slices, strict=True)
    ]


def spread_master_weights(zero: Any) -> None:
    """Make the parameters that ZeRO computes with from the fp32 weights."""
    if type(zero).__name__ != STAGE_3:
        zero.update_lp_params()
        return
    zero._partition_all_parameters()
    for index in range(len(zero.fp16_groups)):
        zero._reassign_or_swap_out_partitioned_parameters(index)
    if zero.persistent_parameters:
        zero.persistent_parameters[0].all_gather(zero.persistent_parameters)
