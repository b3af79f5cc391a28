"""Sample texts in training: nothing that is learnt depends on them."""

from pathlib import Path

import pytest
from torch import nn

from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.tracking.tracker import read_jsonl
from tests.train import guard_worker
from tests.train.guard_worker import STEPS


def test_they_come_after_the_checkpoint_and_a_model_that_gives_none_trains_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = []

    def sample(model: nn.Module) -> list[tuple[str, str]]:
        step = 4 * (len(written) + 1)
        written.append(list(checkpoint_folder(tmp_path, step).parent.glob(f"step-{step:08d}*")))
        if step == 4:
            raise UserError("no text can be sampled: this one has none to give")
        return [("The", " end")]

    guard_worker.train(tmp_path, "skip", bad_steps=(), sampler=sample, sample_every=4)
    assert len(written) == STEPS // 4
    assert all(written)
    assert [row["step"] for row in read_jsonl(tmp_path / "tables/samples.jsonl")] == [8, 12, 16]
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "step 4: no sample texts, and training goes on: no text can be sampled: this one has none to give"
    ]


def test_the_log_tells_what_the_model_wrote_from_the_turns_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turns = f"user: Who are you?\n\nassistant: {'An answer of the example. ' * 20}\n\nuser: Goodbye\n\nassistant: "
    question = f"user: Tell me{' what of this' * 30}?\n\nassistant: "

    def sample(model: nn.Module) -> list[tuple[str, str]]:
        return [(turns, "Mrk mrk."), (question, "w" * 300), ("Return the", "rows")]

    with caplog.at_level("INFO"):
        guard_worker.train(tmp_path, "skip", bad_steps=(), sampler=sample, sample_every=STEPS)
    first, second, third = (r.message for r in caplog.records if r.message.startswith("sample: "))
    assert first == "sample: … user: Goodbye ⏎  ⏎ assistant: [the model:] Mrk mrk."
    assert second.endswith(f"what of this? ⏎  ⏎ assistant: [the model:] {'w' * 200}…")
    assert len(second) < 340
    assert third == "sample: Return the [the model:] rows"
