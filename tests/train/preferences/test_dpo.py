"""Direct preference optimization on a small model: what it learns, stores and resumes."""

import json
import math
import shutil

import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.tracking.tracker import read_jsonl, read_metrics
from train.checkpoints.final_model import load_model
from train.finetune import run
from train.finetuning.preferences import reference
from train.finetuning.tasks.dpo import TASK


@pytest.mark.parametrize("lora", [None, {"variant": "dora"}])
def test_margin_and_accuracy_rise_on_held_out_pairs(
    lora, pretrained, pairs, stage, tmp_path, make_context
) -> None:
    context = make_context(tmp_path / "out", **pretrained)
    settings = stage(
        task="dpo",
        lora=lora,
        data={"train": str(pairs)},
        trainer={"steps": 30, "validate_every": 1},
        optim={"name": "adamw", "lr": 1e-2 if lora else 1e-3},
    )
    metrics = run(settings, context)
    history = read_metrics(context.folder)
    # What training begins from is its own reference: no answer is likelier, and every loss is ln 2.
    assert history[0]["train/loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert history[0]["train/margin"] == pytest.approx(0, abs=1e-5)
    assert history[-1]["validation/margin"] > max(0.1, history[0]["validation/margin"])
    assert metrics["validation_accuracy"] == history[-1]["validation/accuracy"] == 1
    assert metrics["validation_margin"] == history[-1]["validation/margin"]
    gap = history[-1]["validation/chosen_reward"] - history[-1]["validation/rejected_reward"]
    assert gap == pytest.approx(history[-1]["validation/margin"], abs=1e-5)
    # What is saved is the base model's kind, under its names.
    before = load_file(pretrained["pretrain"] / "model" / "model.safetensors")
    after = load_file(context.folder / "model" / "model.safetensors")
    assert set(before) == set(after)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert json.loads((context.folder / "task.json").read_text())["loss"] == {"beta": 0.1}


class Killed(Exception):
    pass


def killed_after(monkeypatch, pieces: int) -> None:
    """The process dies when it has measured so many pieces of the reference."""
    measured, original = [], reference._measure

    def measure(*args):
        if len(measured) == pieces:
            raise Killed
        measured.append(args)
        return original(*args)

    monkeypatch.setattr(reference, "_measure", measure)


def test_the_reference_is_measured_once_and_goes_on_after_a_kill(
    pretrained, pairs, stage, tmp_path, make_context, monkeypatch
) -> None:
    monkeypatch.setattr(reference, "PIECE", 8)
    settings = stage(task="dpo", data={"train": str(pairs)}, trainer={"steps": 6, "checkpoint_every": 2})
    whole = make_context(tmp_path / "whole", **pretrained)
    run(settings, whole)

    context = make_context(tmp_path / "killed", **pretrained)
    with monkeypatch.context() as patch:
        killed_after(patch, 3)
        with pytest.raises(Killed):
            run(settings, context)
    stored = sorted((context.scratch / "reference").rglob("*.json"))
    assert len(stored) == 3
    before = [path.stat().st_mtime_ns for path in stored]
    stored[1].write_text(stored[1].read_text().replace("-", "-9", 1))  # damaged: measured again
    run(settings, context)
    after = [path.stat().st_mtime_ns for path in stored]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert_same(context.folder, whole.folder)

    # From a checkpoint, with all of the reference there, nothing is measured.
    for folder in sorted((context.folder / "checkpoints").iterdir())[2:]:
        shutil.rmtree(folder)
    with monkeypatch.context() as patch:
        killed_after(patch, 0)
        run(settings, context)
    assert_same(context.folder, whole.folder)


def assert_same(found, expected) -> None:
    ours, theirs = (load_file(folder / "model" / "model.safetensors") for folder in (found, expected))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert read_jsonl(found / "test.jsonl") == read_jsonl(expected / "test.jsonl")


def test_test_pairs_keep_their_reference(pretrained, pairs, stage, tmp_path, make_context) -> None:
    context = make_context(tmp_path / "out", **pretrained)
    run(stage(task="dpo", data={"train": str(pairs)}, trainer={"steps": 1}), context)
    base, form = load_model(pretrained["pretrain"]), TASK.prompt_format(load_tokenizer(context.folder))
    rows = read_jsonl(context.folder / "test.jsonl")
    assert rows
    for row in rows:
        expected = []
        for answer in (row["chosen"], row["rejected"]):
            [prompt], [ids] = form.prompt_ids([row["turns"]]), form.response_ids([(row["turns"], answer)])
            logits = base(torch.tensor([prompt + ids[:-1]]))[0, len(prompt) - 1 :]
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])
            expected.append(float(chosen.sum()))
        assert row["reference"] == pytest.approx(expected, abs=1e-4)
        assert row["references"] == [row["chosen"]]


def test_pairs_that_differ_beyond_the_context_are_left_out(pretrained, stage, tmp_path, make_context) -> None:
    short = [{"prompt": f"{n}?", "chosen": "yes", "rejected": "no"} for n in range(40)]
    long = [{"prompt": f"{n}?", "chosen": "a" * 80 + "b", "rejected": "a" * 80 + "c"} for n in range(40, 60)]
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(short + long))
    context = make_context(tmp_path / "out", **pretrained)
    metrics = run(stage(task="dpo", data={"train": str(path)}, trainer={"steps": 1}), context)
    assert 10 < metrics["cut_examples"] <= 20
    path.write_text(json.dumps(long))
    with pytest.raises(UserError, match="the answers of all training examples differ only beyond the 48"):
        run(
            stage(task="dpo", data={"train": str(path)}, trainer={"steps": 1}),
            make_context(tmp_path / "none", **pretrained),
        )
