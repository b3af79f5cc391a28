"""What handing a model on costs: the speed of each form that this project runs itself, against fp32 in the same turns,
and the memory that writing a form takes in a process of its own, of three sizes of model."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pipeline.config.export_formats import ExportFormat
from pipeline.config.models.decoder import DecoderConfig
from pipeline.text.text_splitting import LLAMA3_PATTERN
from tests.bench.table import Row

SPEED = DecoderConfig(layers=8, hidden=768, heads=12, context=512)
"""57 million parameters within the layers."""
SIZES = {"100M": (12, 768), "300M": (20, 1088), "1B": (20, 2048)}
"""Layers and width; with a vocabulary of 16,384."""
PROMPT, NEW, VOCAB = 32, 16, 2048
FORMATS = {
    "int8": {},
    "int8, activations in bf16": {"activations": "bf16"},
    "int4": {},
}
WRITTEN = ("gguf", "onnx", "int8", "int4")


def bench_shipping(rounds: int) -> Iterator[Row]:
    """Tokens a second that a text is continued by, and megabytes of memory beyond the weights."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _speeds(Path(folder), min(rounds, 5))
    for name, sizes in SIZES.items():
        yield from _memory(name, *sizes)


def _speeds(folder: Path, rounds: int) -> Iterator[Row]:
    from tests.train.written_exports import write_export
    from train.exporting.formats import Form, module_of
    from train.exporting.formats.transformers_form import read_folder

    source = write_export(folder, SPEED, VOCAB)
    forms: dict[str, Form] = {"fp32": read_folder(source)}
    for label, settings in FORMATS.items():
        config = ExportFormat.choose(label.partition(",")[0], **settings)
        module = module_of(config)
        forms[label] = module.open_form(config, module.write(config, source), source)
    prompt = list(range(PROMPT))
    seconds: dict[str, list[float]] = {label: [] for label in forms}
    for _ in range(rounds):
        for label, form in forms.items():
            started = time.process_time()
            form.continue_greedily(prompt, NEW)
            seconds[label].append(time.process_time() - started)
    plain = seconds.pop("fp32")
    for label, found in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(plain, found, strict=True))
        yield (
            f"{label}: a prompt of {PROMPT} tokens and {NEW} more, 57M parameters, CPU time",
            f"{NEW / statistics.median(found):,.1f} tokens/s",
            f"{NEW / statistics.median(plain):,.1f} tokens/s in fp32",
            f"{ratio:.2f}×",
        )


def _memory(name: str, layers: int, hidden: int) -> Iterator[Row]:
    """Peak of the process that writes a form of fp32 weights, and how much it is beyond these."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _run(place, "make", str(layers), str(hidden))
        weights = (folder / "model.safetensors").stat().st_size / 1e6
        for format in WRITTEN:
            if format in ("gguf", "onnx") and find_spec(format) is None:
                continue
            peak = float(_run(place, "write", format).splitlines()[-1])
            yield (
                f"{format} of {name} parameters: memory while it is written",
                f"{peak:,.0f} MB",
                f"{weights:,.0f} MB of weights in fp32",
                f"{peak - weights:+,.0f} MB",
            )


def _run(*arguments: str) -> str:
    """Run this module's main with them, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.shipping", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _make(folder: Path, layers: int, hidden: int) -> None:
    """An exported folder with random weights and a tokenizer that llama.cpp knows."""
    from pipeline.formats.tokenizers import save_tokenizer
    from tests.train.written_exports import trained_tokenizer, write_export

    config = DecoderConfig(layers=layers, hidden=hidden, heads=hidden // 64, context=512)
    write_export(folder, config, 16_384)
    save_tokenizer(trained_tokenizer(LLAMA3_PATTERN), folder)


def _write(folder: Path, format: str) -> None:
    """Print the process's peak in MB."""
    from train.exporting.formats import module_of

    config = ExportFormat.choose(format)
    module_of(config).write(config, folder)
    # Not that of `getrusage`, which begins at the peak of the process that started this one.
    status = Path("/proc/self/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    print(kilobytes * 1024 / 1e6)


if __name__ == "__main__":
    place, act, *rest = sys.argv[1:]
    if act == "make":
        _make(Path(place), *map(int, rest))
    else:
        _write(Path(place), *rest)
