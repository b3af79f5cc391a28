"""The strategies that are DeepSpeed's ZeRO (Rajbhandari et al., 2020), one for each stage and for each offloading."""

from typing import Annotated, ClassVar, Literal

from pipeline.config.base import CONTENT, NEUTRAL
from pipeline.config.lora import LoRAConfig
from pipeline.config.strategies.base import StrategyConfig


class ZeroStrategy(StrategyConfig):
    """What the stages of ZeRO have in common."""

    implementation: ClassVar[str] = "train.strategies.zero.strategy"
    stage: ClassVar[int]
    offloads_parameters: ClassVar[bool] = False

    deepspeed: Annotated[str | None, CONTENT] = None
    """Path of a DeepSpeed JSON config that replaces the one made from `name`. What stands in it counts as changing the
    result."""
    gradients: Annotated[Literal["fp32", "bf16"], NEUTRAL] = "fp32"
    """In what gradients are summed over micro-batches and ranks where `trainer.precision=bf16`. Sums in bf16 take half
    of the memory and of the network, and lose digits with every rank. A file of `deepspeed` says so itself."""

    def lora_problems(self, lora: LoRAConfig, where: str) -> list[str]:
        found = super().lora_problems(lora, where)
        if self.stage == 3 and lora.variant == "dora":
            found.append(
                f"{where}.variant=dora reads matrices beside their layers, where strategy={self.choice} has let go of "
                "them; choose strategy=fsdp, or another variant"
            )
        return found


class Zero1Strategy(ZeroStrategy):
    """DeepSpeed: the optimizer's state is spread over the ranks."""

    stage: ClassVar[int] = 1
    suggested: ClassVar[int | None] = 1

    name: Literal["zero1"] = "zero1"


class Zero2Strategy(ZeroStrategy):
    """DeepSpeed: gradients too."""

    stage: ClassVar[int] = 2
    suggested: ClassVar[int | None] = 2

    name: Literal["zero2"] = "zero2"


class Zero2OffloadStrategy(ZeroStrategy):
    """DeepSpeed: as zero2, with the optimizer's state and step in the host's memory."""

    stage: ClassVar[int] = 2
    suggested: ClassVar[int | None] = 5
    offloads: ClassVar[bool] = True

    name: Literal["zero2_offload"] = "zero2_offload"


class Zero3Strategy(ZeroStrategy):
    """DeepSpeed: parameters too."""

    stage: ClassVar[int] = 3
    suggested: ClassVar[int | None] = 4

    name: Literal["zero3"] = "zero3"


class Zero3OffloadStrategy(ZeroStrategy):
    """DeepSpeed: as zero3, with parameters and the optimizer's part in the host's memory."""

    stage: ClassVar[int] = 3
    suggested: ClassVar[int | None] = 6
    offloads: ClassVar[bool] = True
    offloads_parameters: ClassVar[bool] = True

    name: Literal["zero3_offload"] = "zero3_offload"
