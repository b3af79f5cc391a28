"""What all strategies have in common, and what the rest of the program asks of one's section."""

from typing import ClassVar

from pipeline.config.choices import Choice
from pipeline.config.lora import LoRAConfig


class StrategyConfig(Choice):
    """How the ranks share the work. All of them train alike, up to the order of sums, so that a run may change its
    strategy between two starts."""

    tag: ClassVar[str] = "name"

    suggested: ClassVar[int | None] = None
    """Its place among the strategies that are suggested for a run that does not fit into memory, those that communicate
    least first; None is never suggested."""
    offloads: ClassVar[bool] = False
    """Whether it moves something to the host's memory, so that even a single GPU has more room."""

    takes_quantized: ClassVar[bool] = False
    """Whether it leaves frozen weights as they are, also those of 4 bits."""

    def rank_problems(self, ranks: int, where: str) -> list[str]:
        """Why it cannot train on that many ranks, one sentence each with the remedy.

        Args:
            where: the trainer's section that asks for them, such as `finetune.trainer`.
        """
        return []

    def lora_problems(self, lora: LoRAConfig, where: str) -> list[str]:
        """Why it cannot train such adapters, likewise.

        Args:
            where: the section that asks for them, such as `finetune.lora`.
        """
        if lora.quantize == "none" or self.takes_quantized:
            return []
        return [
            f"{where}.quantize={lora.quantize}: strategy={self.choice} cannot spread weights of 4 bits over ranks; "
            "choose strategy=ddp, which keeps them whole, or quantize=none"
        ]
