"""Speed of fine-tuning on examples of different lengths: padded batches against others of the same examples."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from tests.bench.table import Row
from tests.bench.training import in_turns
from train.data.batches import Examples, TrainSamples
from train.data.length_order import LengthOrder
from train.data.order import Order, SampleOrder
from train.finetuning.classifier import Classifier
from train.finetuning.examples import LabelExamples, ResponseExamples
from train.models import build_model
from train.optim import build_optimizer

VOCAB, CONTEXT, BATCH = 256, 512, 32
MODEL = DecoderConfig(layers=3, hidden=192, heads=6, context=CONTEXT)
BYTES_PER_TOKEN = 4
"""What a tokenizer of some thousand ids takes together in English text; here every fourth byte is a token."""


def bench_batching(rounds: int) -> Iterator[Row]:
    """Steps of forward, backward and optimizer in turns, over the same texts of `$LM_DATA`, 32 at a time."""
    data = Path(os.environ.get("LM_DATA", "data"))
    for name, read in (("conversations", _conversations), ("sentences with labels", _sentences)):
        try:
            examples = read(data)
        except FileNotFoundError as error:
            yield f"batches of {name}", f"skipped: {error.filename} is missing ($LM_DATA)", "", ""
            continue
        yield from _compared(name, examples, rounds)


def _compared(name: str, examples: ResponseExamples | LabelExamples, rounds: int) -> Iterator[Row]:
    lengths = np.array(list(map(len, examples.input_ids)))
    order = SampleOrder(len(examples), 1)
    ways: dict[str, tuple[Examples, Order]] = {
        "padded": (examples, order),
        "packed": (examples.packed(), order),
        "by_length": (examples, LengthOrder(order, lengths, BATCH, 10**6, 1)),
    }
    steps = [_Step(*way, lengths, labelled=isinstance(examples, LabelExamples)) for way in ways.values()]
    seconds = in_turns(steps, rounds)
    rates = [sum(step.tokens[-rounds:]) / sum(spent) for step, spent in zip(steps, seconds, strict=True)]
    for way, step, rate in list(zip(ways, steps, rates, strict=True))[1:]:
        yield (
            f"fine-tuning on {name}, {way} against padded",
            f"{rate:,.0f} tokens/s ({step.padding:.0%} padding)",
            f"{rates[0]:,.0f} tokens/s ({steps[0].padding:.0%})",
            f"{rate / rates[0]:.2f}×",
        )


class _Step:
    """The next step of training each time it is called."""

    def __init__(self, examples: Examples, order: Order, lengths: np.ndarray, labelled: bool):
        torch.manual_seed(1)
        model = build_model(MODEL, VOCAB)
        self._model = Classifier(model, ["negative", "positive"]) if labelled else model  # type: ignore[arg-type]
        self._optimizer = build_optimizer(self._model, AdamWConfig())
        self._samples, self._lengths = TrainSamples(examples, order, BATCH, 1, 1), lengths
        self.tokens: list[int] = []
        """Of each step that was taken."""
        self._places = 0

    @property
    def padding(self) -> float:
        return 1 - sum(self.tokens) / self._places

    def __call__(self) -> None:
        first = len(self.tokens) * BATCH
        batch = self._samples.__getitems__(list(range(first, first + BATCH)))
        self.tokens.append(int(self._lengths[batch.pop("windows")].sum()))
        self._places += batch["input_ids"].numel()
        scale = batch.pop("loss_scale")
        (self._model(**batch).total * scale).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()


def _conversations(data: Path) -> ResponseExamples:
    """ShareGPT's, all tokens learnt."""
    found = json.loads((data / "conversations/fastchat_dummy_conversation.json").read_text())
    texts = ["\n".join(turn["value"] for turn in row["conversations"]) for row in found]
    ids = list(map(_tokens, texts))
    return ResponseExamples(ids, [np.roll(x, -1) for x in ids], 0, CONTEXT, 0, 0)


def _sentences(data: Path) -> LabelExamples:
    """Of film reviews, praising or not."""
    texts: list[str] = []
    labels: list[int] = []
    with zipfile.ZipFile(data / "sentence-polarity/sentence_polarity.zip") as archive:
        for label, kind in enumerate(("neg", "pos")):
            lines = archive.read(f"sentence_polarity/rt-polarity.{kind}").decode("latin-1").splitlines()
            texts += lines
            labels += [label] * len(lines)
    return LabelExamples(list(map(_tokens, texts)), np.array(labels), 0, CONTEXT, 0)


def _tokens(text: str) -> np.ndarray:
    return np.frombuffer(text.encode()[::BYTES_PER_TOKEN], dtype=np.uint8)[:CONTEXT].astype(np.int32)
