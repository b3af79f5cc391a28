"""Speed of masked language modelling: our encoder against transformers' BertForMaskedLM, and the masks' own time."""

import statistics
from collections.abc import Iterator

import numpy as np
import pytorch_lightning as pl
import torch

from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.objectives.masked import MaskedConfig
from tests.bench.table import Row
from tests.bench.training import in_turns, optimizer_step
from tests.bench.turns import as_installed
from train.models import IGNORE_INDEX, build_model
from train.models.encoder.hf_config import to_hf_config
from train.objectives.masked_windows import MaskedSequences
from train.objectives.masking import Masker

VOCAB, LENGTH, BATCH = 8192, 128, 32
MODEL = EncoderConfig(layers=2, hidden=128, heads=2, context=LENGTH)
"""Those of `mlm_sample`."""


class RandomTokens:
    """A stream: see `train.data.batches.Tokens`."""

    name, eos_id, shared = "random tokens", 3, None

    def __init__(self, tokens: int):
        self._ids = np.random.default_rng(0).integers(5, VOCAB, tokens)

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, start: int, length: int) -> np.ndarray:
        return self._ids[start : start + length].copy()

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        return self._ids[starts[:, None] + np.arange(length)]

    def document_starts(self) -> np.ndarray:
        return np.array([0, len(self)])


def bench_encoder(rounds: int) -> Iterator[Row]:
    """Whole training steps with the same masks in turns: ours asks its head for the masked places alone."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    pl.seed_everything(1, verbose=False)
    chosen = np.arange(BATCH)
    examples = _examples("token")
    batch = examples.collate(chosen, chosen)
    everywhere = torch.full_like(batch["input_ids"], IGNORE_INDEX).scatter(
        1, batch["places"], batch["labels"]
    )
    seconds = 0.0
    for compiled in (False, True):
        ours = build_model(MODEL, VOCAB)
        theirs = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**to_hf_config(MODEL, VOCAB)))
        if compiled:
            ours, theirs = torch.compile(ours), torch.compile(theirs)

        def our_loss(model: torch.nn.Module = ours) -> torch.Tensor:
            loss = model(**batch)
            return loss.total / loss.tokens

        def their_loss(model: torch.nn.Module = theirs) -> torch.Tensor:
            return model(input_ids=batch["input_ids"], labels=everywhere).loss

        times = in_turns(
            [optimizer_step(ours, our_loss), as_installed(optimizer_step(theirs, their_loss))], rounds
        )
        rates = [BATCH * LENGTH / statistics.median(found) for found in times]
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        seconds = seconds or statistics.median(times[0])
        kind = "compiled" if compiled else "eager"
        yield (
            f"encoder against transformers' BertForMaskedLM, {kind}",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )
    for unit in ("token", "word", "span"):
        examples = _examples(unit)

        def collate(examples: MaskedSequences = examples) -> None:
            examples.collate(chosen, chosen)
            examples.target_counts(chosen, chosen)

        spent = statistics.median(in_turns([collate], 50)[0])
        yield (
            f"masks by {unit} within a step",
            f"{spent * 1e3:.2f} ms",
            f"{seconds * 1e3:.0f} ms",
            f"{spent / seconds:.2%}",
        )


def _examples(unit: str) -> MaskedSequences:
    ordinary = np.arange(VOCAB) >= 5
    starts = np.arange(VOCAB) % 3 > 0  # a third of the tokens continue a word
    masker = Masker(MaskedConfig(unit=unit), 1, 4, ordinary, starts)
    return MaskedSequences(RandomTokens(200_000), LENGTH, masker, (2, 3), apart=False)
