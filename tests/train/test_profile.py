"""The profile of some steps, and training on the first sequences alone."""

import gzip
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from tests.train.guard_worker import train
from train.data.batches import TokenWindows
from train.data.first_examples import first_examples


def test_a_trace_of_the_steps_and_the_heaviest_operators(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    train(tmp_path, "off", bad_steps=(), validation_steps=(), profile=[3, 4], micro_batch=2)
    [told] = [record.message for record in caplog.records if "profile of steps" in record.message]
    shares = [int(word.rstrip("%,")) for word in told.split() if word.rstrip(",").endswith("%")]
    assert told.startswith("profile of steps 3 to 4: most time goes to aten::")
    assert len(shares) == 3
    assert 100 >= sum(shares) >= shares[0] >= shares[1] >= shares[2] > 0
    events = json.loads(gzip.decompress((tmp_path / "profile" / "steps-3-4.json.gz").read_bytes()))[
        "traceEvents"
    ]
    steps = [
        str(event.get("name")) for event in events if str(event.get("name")).startswith("Optimizer.step")
    ]
    assert len(steps) in (2, 4)  # torch notes a step twice where another test has profiled one


def test_steps_that_training_does_not_come_to_are_refused(tmp_path: Path) -> None:
    assert TrainerConfig(steps=9, profile=[8, 10]).problems() == [
        "profile=[8, 10] ends behind steps=9; name steps that training comes to"
    ]
    assert "must be the first and the last step" in TrainerConfig(steps=9, profile=[4, 2]).problems()[0]
    with pytest.raises(UserError, match=r"ends behind the last step, \d+; name steps"):
        train(tmp_path, "off", bad_steps=(), validation_steps=(), profile=[3, 400])


class _Stream:
    name, eos_id, shared = "a stream", 0, None

    def __len__(self) -> int:
        return 81

    def read(self, start: int, length: int) -> np.ndarray:
        return np.arange(start, start + length)

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        return starts[:, None] + np.arange(length)

    def document_starts(self) -> np.ndarray:
        return np.array([0, 81])


def test_the_first_sequences_are_those_of_the_whole() -> None:
    whole = TokenWindows(_Stream(), 8)
    few, rows = first_examples(whole, 3), np.arange(3)
    assert (len(whole), len(few)) == (10, 3)
    assert (few.collate(rows, rows)["input_ids"] == whole.collate(rows, rows)["input_ids"]).all()
    assert few.target_counts(rows, rows).tolist() == [8, 8, 8]
    assert first_examples(whole, None) is first_examples(whole, 10) is whole
