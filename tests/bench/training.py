"""Training speed: our Trainer path against a bare loop, our decoder against transformers' Llama."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from pipeline.config.models.decoder import DecoderConfig
from pipeline.formats.shards import TokenStream
from tests.bench.table import Row
from tests.bench.turns import LENGTH, VOCAB, Turns, as_installed, train_in_turns
from train.data.batches import TokenWindows
from train.models import LossSum, TrainableModel, build_model
from train.models.decoder.hf_config import to_hf_config

BATCH = 8
MODEL = DecoderConfig(layers=4, hidden=256, heads=4, context=LENGTH)


def bench_trainer(rounds: int) -> Iterator[Row]:
    """Seconds per step of the pretrain stage's loop and of a bare loop over the same model and batches.

    Both run in turns within one process: the bare loop takes its step right after each of the Trainer's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns = train_in_turns(
            folder, lambda: build_model(MODEL, VOCAB), BATCH, 3 * rounds, time.perf_counter
        )
        windows = TokenWindows(TokenStream(folder, "train"), LENGTH)
        collate = _median_seconds(lambda: windows.collate(np.arange(BATCH), np.arange(BATCH)), 50)
    yield turns_row("training step, Trainer against a bare loop", turns)
    ours = statistics.median(turns.ours)
    yield (
        "data loading within a step",
        f"{collate * 1e3:.2f} ms",
        f"{ours * 1e3:.1f} ms",
        f"{collate / ours:.2%}",
    )


def bench_host(rounds: int) -> Iterator[Row]:
    """CPU seconds per step around a model of nothing: what the host does beside the model, on one thread."""
    with tempfile.TemporaryDirectory() as name:
        turns = train_in_turns(Path(name), Nothing, 32, 20 * rounds, time.process_time, threads=1)
    yield turns_row("CPU time of a step around a model of nothing", turns)


def bench_products(rounds: int) -> Iterator[Row]:
    """Tokens a second of whole training steps, and of the same steps with torch's own products.

    They differ on processors for which `train/products.py` takes oneDNN.
    """
    for layers, hidden in ((4, 192), (6, 320), (8, 512)):
        torch.manual_seed(1)
        model = build_model(
            DecoderConfig(layers=layers, hidden=hidden, heads=hidden // 64, context=LENGTH), VOCAB
        )
        tokens = torch.randint(0, VOCAB, (BATCH, LENGTH + 1))

        def loss(model: TrainableModel = model, tokens: torch.Tensor = tokens) -> torch.Tensor:
            found = model(tokens[:, :-1], tokens[:, 1:])
            return found.total / found.tokens

        step = optimizer_step(model, loss)
        ours, own = in_turns([step, as_installed(step)], rounds)
        rates = [BATCH * LENGTH / statistics.median(found) for found in (ours, own)]
        ratio = statistics.median(b / a for a, b in zip(ours, own, strict=True))
        size = sum(weight.numel() for weight in model.parameters()) / 1e6
        yield (
            f"training step against torch's own products, {size:.0f}M parameters",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )


class Nothing(TrainableModel):
    """Sixteen small matrices and a loss of them."""

    def __init__(self) -> None:
        super().__init__()
        self.matrices = torch.nn.ParameterList(torch.nn.Parameter(torch.randn(8, 8)) for _ in range(16))

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> LossSum:
        squares = torch.stack(list(self.matrices)).square().mean()
        return LossSum(squares * labels.numel(), torch.tensor(labels.numel()))


def turns_row(what: str, turns: Turns) -> Row:
    ours, reference = statistics.median(turns.ours), statistics.median(turns.other)
    ratio = statistics.median(a / b for a, b in zip(turns.ours, turns.other, strict=True))
    return what, f"{ours * 1e3:.1f} ms", f"{reference * 1e3:.1f} ms", f"{ratio:.3f}×"


def bench_decoder(rounds: int) -> Iterator[Row]:
    """A whole training step of our decoder and of LlamaForCausalLM with the same configuration."""
    from transformers import AutoConfig, AutoModelForCausalLM

    pl.seed_everything(1, verbose=False)
    tokens = torch.randint(0, VOCAB, (BATCH, LENGTH + 1))
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    for compiled in (False, True):
        ours = build_model(MODEL, VOCAB)
        theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(MODEL, VOCAB)))
        if compiled:
            ours, theirs = torch.compile(ours), torch.compile(theirs)

        def our_loss(model: torch.nn.Module = ours) -> torch.Tensor:
            loss = model(inputs, labels)
            return loss.total / loss.tokens

        def their_loss(model: torch.nn.Module = theirs) -> torch.Tensor:
            return model(input_ids=inputs, labels=labels, shift_labels=labels).loss

        steps = [optimizer_step(ours, our_loss), as_installed(optimizer_step(theirs, their_loss))]
        times = in_turns(steps, rounds)
        rates = [BATCH * LENGTH / statistics.median(t) for t in times]
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        kind = "compiled" if compiled else "eager"
        yield (
            f"decoder against transformers' Llama, {kind}",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )


def optimizer_step(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def in_turns(steps: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    for step in steps:  # compile and warm up
        step()
        step()
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, found in zip(steps, times, strict=True):
            started = time.perf_counter()
            step()
            found.append(time.perf_counter() - started)
    return times


def _median_seconds(function: Callable[[], object], rounds: int) -> float:
    return statistics.median(in_turns([function], rounds)[0])
