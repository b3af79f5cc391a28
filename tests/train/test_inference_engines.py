"""An exported folder in vLLM and in SGLang, where they are installed: the same text as this project writes."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.text.text_splitting import LLAMA3_PATTERN
from tests.train.written_exports import trained_tokenizer, write_export
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.opening.opened_model import open_model

SIZES = {"layers": 2, "hidden": 128, "heads": 2, "context": 64}
"""Heads of 64 channels, which all kernels know."""
LAYOUTS = {
    "gpt2": DecoderConfig(layout="gpt2", **SIZES),
    "llama": DecoderConfig(layout="llama", **SIZES),
    "qwen3": DecoderConfig(layout="qwen3", **SIZES),
}
PROMPT, NEW = list(range(20, 40)), 16


def in_vllm(folder: Path) -> Sequence[int]:
    import vllm

    engine = vllm.LLM(str(folder), dtype="float32", enforce_eager=True, gpu_memory_utilization=0.3)
    settings = vllm.SamplingParams(temperature=0, max_tokens=NEW, ignore_eos=True)
    (found,) = engine.generate({"prompt_token_ids": PROMPT}, settings)
    return found.outputs[0].token_ids


def in_sglang(folder: Path) -> Sequence[int]:
    import sglang

    engine = sglang.Engine(
        model_path=str(folder),
        dtype="float32",
        attention_backend="triton",
        disable_cuda_graph=True,
        mem_fraction_static=0.3,
        skip_tokenizer_init=True,
    )
    try:
        settings = {"temperature": 0, "max_new_tokens": NEW, "ignore_eos": True}
        return engine.generate(input_ids=PROMPT, sampling_params=settings)["output_ids"]
    finally:
        engine.shutdown()


ENGINES = [
    pytest.param(
        write,
        id=package,
        marks=pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed"),
    )
    for package, write in (("vllm", in_vllm), ("sglang", in_sglang))
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_it_writes_what_we_write(
    engine: Callable[[Path], Sequence[int]], layout: str, tmp_path: Path
) -> None:
    tokenizer = trained_tokenizer(LLAMA3_PATTERN)
    save_tokenizer(tokenizer, tmp_path)
    write_export(tmp_path, LAYOUTS[layout], len(tokenizer))
    theirs = engine(tmp_path)
    model = open_model(str(tmp_path), device="cpu").model
    config = DecodeConfig(max_new_tokens=NEW)
    with torch.inference_mode():
        (ours,) = generate_ids(model, [PROMPT], config, 0, Stops([]))
    assert list(theirs) == ours
