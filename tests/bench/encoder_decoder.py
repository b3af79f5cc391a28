"""Our encoder–decoder against T5 of transformers, and what span corruption's collation takes of a step."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.objectives.span_corruption import SpanCorruptionConfig
from pipeline.formats.shards import TokenStream
from tests.bench.table import Row
from tests.bench.training import in_turns, optimizer_step
from tests.bench.turns import LENGTH, VOCAB, as_installed, random_windows
from train.models import build_model
from train.models.encoder_decoder.hf_config import to_hf_config
from train.objectives.spans import SpanWindows

BATCH = 8
MODEL = EncoderDecoderConfig(layout="t5", layers=3, hidden=256, heads=4, context=LENGTH)
SPANS = SpanCorruptionConfig().lengths(LENGTH)


def bench_encoder_decoder(rounds: int) -> Iterator[Row]:
    """A whole training step of both with the same configuration, on windows of span corruption."""
    pl.seed_everything(1, verbose=False)
    with tempfile.TemporaryDirectory() as name:
        random_windows(Path(name))  # which leaves its shards there
        windows = SpanWindows(TokenStream(Path(name), "train"), SPANS, np.arange(SPANS.spans), 1)
        rows = np.arange(BATCH)
        batch = windows.collate(rows, rows)
        times = in_turns([lambda: windows.collate(rows, rows)], 50)
    collate, step = statistics.median(times[0]), 0.0
    for compiled in (False, True):
        ours = build_model(MODEL, VOCAB)
        fields = to_hf_config(MODEL, VOCAB, eos_token_id=0, pad_token_id=0)
        theirs = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(**fields))
        if compiled:
            ours, theirs = torch.compile(ours), torch.compile(theirs)

        def our_loss(model: torch.nn.Module = ours) -> torch.Tensor:
            loss = model(**batch)
            return loss.total / loss.tokens

        def their_loss(model: torch.nn.Module = theirs) -> torch.Tensor:
            return model(**batch).loss

        steps = [optimizer_step(ours, our_loss), as_installed(optimizer_step(theirs, their_loss))]
        taken = in_turns(steps, rounds)
        rates = [BATCH * SPANS.window / statistics.median(times) for times in taken]
        ratio = statistics.median(b / a for a, b in zip(*taken, strict=True))
        kind = "compiled" if compiled else "eager"
        yield (
            f"encoder–decoder against transformers' T5, {kind}",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )
        step = step or statistics.median(taken[0])
    yield (
        "span corruption within a step",
        f"{collate * 1e3:.2f} ms",
        f"{step * 1e3:.1f} ms",
        f"{collate / step:.2%}",
    )
