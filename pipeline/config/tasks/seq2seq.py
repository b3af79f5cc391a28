"""Text to text."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, FinetuneConfig


class Seq2SeqConfig(FinetuneConfig):
    """Text to text, such as summaries or translations: the target continues prompt_template."""

    implementation: ClassVar[str] = "train.finetuning.tasks.seq2seq"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["seq2seq"] = "seq2seq"
    """Text to text with the decoder. The loss is on the target only."""
    prompt_template: str | None = None
    """The text that the target continues, with {source}; None takes "{source}\\n\\nTL;DR:"."""

    def problems(self) -> list[str]:
        found = super().problems()
        if self.prompt_template is not None and self.prompt_template.count("{source}") != 1:
            found.append(
                f"finetune.prompt_template={self.prompt_template!r} must hold {{source}} exactly once"
            )
        return found
