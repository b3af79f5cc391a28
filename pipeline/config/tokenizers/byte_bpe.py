"""Settings of a byte-level BPE."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.tokenizers.base import TrainedTokenizer


class ByteBPE(TrainedTokenizer):
    """Byte-level BPE (Sennrich et al., 2016; Radford et al., 2019): restores every text exactly."""

    implementation: ClassVar[str] = "data_prep.tokenizing.byte_bpe"
    alphabet: ClassVar[tuple[int, str]] = (256, "bytes")

    kind: Literal["bpe"] = "bpe"
    min_frequency: PositiveInt = 2
    """Pairs that stand less often in the sample are not merged."""
    pattern: Literal["modern", "llama3", "qwen2", "gpt2"] = "modern"
    """How text is split into words first. `modern`: as Llama 3 (digits in threes, a line break ends a word), with
    combining marks inside words and `han_run`. The others are those of the published tokenizers, which llama.cpp
    knows (export.formats=[gguf]); `qwen2` is Llama 3's with single digits."""
    han_run: PositiveInt | None = 4
    """For the `modern` pattern: longest run of Han characters that may become one token; keeps training on Chinese
    fast. None sets no bound."""

    @property
    def splits_as(self) -> str:
        return "own" if self.pattern == "modern" else self.pattern
