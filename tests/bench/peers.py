"""Our loop beside those that people train with otherwise, on the same shapes, in turns within one process."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config.models.decoder import DecoderConfig
from tests.bench.nano_gpt import NanoGPT, training_step
from tests.bench.paced import Paced
from tests.bench.table import Row
from tests.bench.training import Nothing, turns_row
from tests.bench.turns import LENGTH, VOCAB, train_in_turns
from train.data.batches import TokenWindows
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config

BATCH = 8
MODEL = DecoderConfig(layout="gpt2", layers=4, hidden=256, heads=4, context=LENGTH)


def bench_peers(rounds: int) -> Iterator[Row]:
    """CPU seconds of a step on one thread: around a model of nothing, which is what a loop costs beside the model, and
    of a GPT-2 of three million parameters besides its embeddings."""
    host, whole = 20 * rounds, 2 * rounds
    yield _row("a step around a model of nothing, against transformers' Trainer", Nothing, 32, host, _trainer)
    yield _row("GPT-2, against transformers' in its Trainer", _ours, BATCH, whole, _gpt2_in_trainer)
    yield _row("GPT-2, against nanoGPT's model and loop", _ours, BATCH, whole, _nano_gpt)


def _row(
    what: str, make: Callable[[], Any], batch: int, steps: int, other: Callable[..., Callable[[], None]]
) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def reference(windows: TokenWindows) -> Callable[[], None]:
            return other(folder, windows, batch, steps)

        return turns_row(
            what, train_in_turns(folder, make, batch, steps, time.process_time, reference, threads=1)
        )


def _ours() -> Any:
    return build_model(MODEL, VOCAB)


class ForTrainer(nn.Module):
    """A model that tells its mean loss as transformers' Trainer asks for it."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
        loss = self.model(input_ids, labels)
        return {"loss": loss.total / loss.tokens}


class Shifted(nn.Module):
    """A model of transformers, given labels that are shifted already."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": self.model(input_ids=input_ids, labels=labels, shift_labels=labels).loss}


def _trainer(folder: Path, windows: TokenWindows, batch: int, steps: int) -> Callable[[], None]:
    return _in_trainer(folder, ForTrainer(Nothing()), windows, batch, steps)


def _gpt2_in_trainer(folder: Path, windows: TokenWindows, batch: int, steps: int) -> Callable[[], None]:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(MODEL, VOCAB)))
    return _in_trainer(folder, Shifted(model), windows, batch, steps)


def _in_trainer(
    folder: Path, model: nn.Module, windows: TokenWindows, batch: int, steps: int
) -> Callable[[], None]:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=batch,
        max_steps=2 * steps,  # so that it is never done before ours
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        optim="adamw_torch_fused",
        weight_decay=0.1,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    numbers = np.arange(len(windows))
    rows = windows.collate(numbers, numbers)
    examples = [
        {"input_ids": ids, "labels": labels}
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True)
    ]

    class AtTheEndOfAStep(TrainerCallback):
        def __init__(self, pause: Callable[[], None]):
            self._pause = pause

        def on_step_end(self, *_: object, **__: object) -> None:
            self._pause()

        def on_log(self, *_: object, logs: dict[str, float] | None = None, **__: object) -> None:
            """Would be told."""

    def train(pause: Callable[[], None]) -> None:
        # Its printing of each log is no part of the comparison.
        trainer = Trainer(model, arguments, train_dataset=examples, callbacks=[AtTheEndOfAStep(pause)])
        trainer.pop_callback(
            next(type(c) for c in trainer.callback_handler.callbacks if "Printer" in type(c).__name__)
        )
        trainer.train()

    return Paced(train).step


def _nano_gpt(folder: Path, windows: TokenWindows, batch: int, steps: int) -> Callable[[], None]:
    torch.manual_seed(1)
    model = NanoGPT(VOCAB, LENGTH, MODEL.layers, MODEL.hidden, MODEL.heads)
    tokens = np.random.default_rng(1).integers(0, VOCAB, 500_000).astype(np.uint16)
    return training_step(model, tokens, batch, LENGTH, steps, lr=1e-3)
