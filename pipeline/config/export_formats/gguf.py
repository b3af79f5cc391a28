"""Settings of the files that llama.cpp reads."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.export_formats.base import ExportFormat
from pipeline.config.tokenizers import TokenizerConfig


class GGUF(ExportFormat):
    """A file for llama.cpp and what stands on it (Ollama, LM Studio, …), with its tokenizer in it."""

    implementation: ClassVar[str] = "train.exporting.formats.gguf.form"

    format: Literal["gguf"] = "gguf"
    type: Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = "f16"
    """How matrices are stored: whole, in half precision, or in blocks of 32 numbers of 8, 5 or 4 bits with a scale,
    and an offset where the name ends in 1. Norms and biases stay whole."""
    tolerance: PositiveFloat = 0.01
    """Largest difference of logits with `type=f32`: llama.cpp looks GPT-2's activation up in a table of half
    precision."""

    @property
    def label(self) -> str:
        return f"gguf-{self.type}"

    @property
    def exact(self) -> bool:
        return self.type == "f32"

    @property
    def logit_tolerance(self) -> float:
        return self.tolerance

    def misfits(self, tokenizer: TokenizerConfig) -> list[str]:
        if tokenizer.splits_as != "own":
            return []
        return [
            f"export.formats: llama.cpp has no pre-tokenizer that splits text as tokenizer={tokenizer.choice} does "
            "here; use tokenizer=bpe with tokenizer.pattern=llama3, qwen2 or gpt2, or leave format=gguf out"
        ]
