"""Several tasks on one body: their batches, what they learn together, and that each is scored and exported."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train.head_tasks import all_stages, save_base, stage
from tests.train.test_tagging import sentence, write_conll
from train.checkpoints.final_model import describe_model
from train.data.batches import PADDING
from train.finetuning.base_model import find_base_model
from train.finetuning.multi.model import load_multi
from train.finetuning.task import task_of

SPLITS = {"train": "train", "validation": "dev", "test": "test"}


@pytest.fixture
def parts(tmp_path) -> dict[str, dict]:
    draw = random.Random(0)
    names = write_conll(tmp_path / "names.conll", [sentence(draw) for _ in range(160)])
    moods = tmp_path / "moods.jsonl"
    rows = [
        {"text": f"It was {('good', 'bad')[n % 2]}, {draw.randint(1, 999)} times.", "label": "+-"[n % 2]}
        for n in range(120)
    ]
    moods.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = tmp_path / "asked.jsonl"
    questions = [
        {"question": "who?", "context": f"{n} {who} came", "answers": {"text": [who]}}
        for n, who in enumerate(["Ada", "Alan", "Grace"] * 30, 100)
    ]
    asked.write_text("".join(json.dumps(row) + "\n" for row in questions))
    return {
        "mood": {"task": "classify", "data": {"train": str(moods)}},
        "names": {"task": "tag", "data": {"train": str(names)}},
        "asked": {"task": "extract", "data": {"train": str(asked)}},
    }


def multi(parts: dict[str, dict], **settings):
    return stage("multi", Path(), data={}, parts=parts, **settings)


def made(parts: dict[str, dict], context, **settings):
    """The training of several tasks, as the stage makes it."""
    section = multi(parts, **settings).finetune
    task = task_of(section)
    return task.training(section, find_base_model(None, context), task.read_splits(section, context.locate))


@pytest.mark.parametrize("layout", ["bert", "qwen3"])
def test_three_tasks_are_learnt_scored_and_exported(
    layout, parts, chat_tokenizer, tmp_path, make_context
) -> None:
    inputs = save_base(tmp_path, chat_tokenizer, layout)
    config = multi(parts, steps=120, batch=12, monitor={"metric": "names_f1"})
    tuned = all_stages(config, inputs, tmp_path, make_context)
    assert tuned.figures["mood_accuracy"] == 100
    assert tuned.figures["names_f1"] > 90
    assert tuned.figures["asked_exact_match"] > 60
    assert tuned.metrics["best_names_f1"] > 90
    assert {"mood_labels", "names_labels", "asked_windows"} <= tuned.metrics.keys()
    history = read_metrics(tuned.artifact)
    told = {
        "validation/mood_loss",
        "validation/names_loss",
        "validation/names_accuracy",
        "train/mood_accuracy",
    }
    assert all(any(name in row for row in history) for name in told)
    predictions = read_jsonl(tuned.evaluated / "predictions.jsonl")
    assert {row["part"] for row in predictions} == {"mood", "names", "asked"}
    assert "](PER)" in tuned.page

    # What is exported is read by our own loader, with all heads.
    assert tuned.format == "lm-workflow"
    exported = load_multi(tuned.folder.parent)
    ids = torch.tensor([[5, 6, 7, 8]])
    for name, shape in {"mood": (1, 2), "names": (1, 4, 5), "asked": (1, 4, 2)}.items():
        assert exported.part(name)(ids, torch.tensor([4])).shape == shape
    assert list(describe_model(tuned.artifact)["heads"]) == ["mood", "names", "asked"]


def test_a_batch_is_each_tasks_own_batch_in_common_rows(
    parts, chat_tokenizer, tmp_path, make_context
) -> None:
    """The loss of a batch of all tasks is the sum of what each task's own model says of its part."""
    context = make_context(tmp_path / "out", **save_base(tmp_path, chat_tokenizer, "bert"))
    training = made(parts, context)
    model = training.new_model().eval()
    examples = training.train
    sizes = [len(part.train) for part in training.parts.values()]
    chosen = np.array([0, sizes[0] + 3, 1, sizes[0] + sizes[1] + 2, sizes[0] + 4, PADDING])
    whole = model(**examples.collate(chosen, chosen))
    assert int(whole.tokens) == 5
    expected = 0.0
    local = {"mood": [0, 1], "names": [3, 4], "asked": [2]}
    for name, indices in local.items():
        own = training.parts[name].train
        loss = model.part(name)(**own.collate(np.array(indices), np.array(indices)))
        everything = np.arange(len(own))
        expected += loss.total.item() / own.target_counts(everything, everything).mean()
    assert whole.total.item() == pytest.approx(expected, rel=1e-4)
    # Without a single row of a task its head is used all the same, and counts for nothing.
    alone = model(**examples.collate(np.array([0]), np.array([0])))
    own = training.parts["mood"].train
    assert alone.total.item() == pytest.approx(
        model.part("mood")(**own.collate(np.array([0]), np.array([0]))).total.item(), rel=1e-4
    )
    alone.total.backward()
    assert all(p.grad is not None for part in ("names", "asked") for p in model.part(part).parameters())


def test_weights_say_how_many_examples_of_each_task_are_read(
    parts, chat_tokenizer, tmp_path, make_context
) -> None:
    context = make_context(tmp_path / "out", **save_base(tmp_path, chat_tokenizer, "bert"))
    training = made(parts, context, weights={"mood": 1, "names": 2, "asked": 1})
    ends = np.cumsum([len(part.train) for part in training.parts.values()])
    order = training.order(seed=7)
    drawn = np.searchsorted(ends, order.items(np.arange(400)), side="right")
    assert np.bincount(drawn).tolist() == [100, 200, 100]
    assert (order.items(np.arange(100, 200)) == order.items(np.arange(400))[100:200]).all()
    plain = made(parts, context).order(seed=7).items(np.arange(ends[-1]))
    assert sorted(plain) == list(range(ends[-1])), "without weights each example comes once"


def test_adapters_and_a_relation_with_its_markers(parts, chat_tokenizer, tmp_path, make_context) -> None:
    relations = tmp_path / "relations.jsonl"
    texts = [f"Ada {n} Paris" for n in range(100, 160)]
    rows = [
        {"text": text, "head": [0, 3], "tail": [len(text) - 5, len(text)], "label": "ab"[n % 2]}
        for n, text in enumerate(texts)
    ]
    relations.write_text("".join(json.dumps(row) + "\n" for row in rows))
    two = {"mood": parts["mood"], "how": {"task": "relate", "data": {"train": str(relations)}}}
    inputs = save_base(tmp_path, chat_tokenizer, "bert")
    config = multi(two, steps=3, lora={"rank": 4})
    tuned = all_stages(config, inputs, tmp_path, make_context)
    before = find_base_model(None, make_context(tmp_path / "base", **inputs))
    assert describe_model(tuned.artifact)["vocab_size"] == before.vocab_size + 4
    assert "how_relation_f1" in tuned.figures


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": {"mood": 1}}, "give each one a weight"),
        ({"parts": {}}, "needs two tasks or more"),
        ({"data": {"train": "a.jsonl"}}, "finetune.data is not read"),
        ({"batching": "packed"}, "batching=packed is nothing"),
    ],
)
def test_bad_settings_are_told(parts, change, words) -> None:
    section = multi(parts).finetune
    fields = section.model_dump() | {"parts": parts} | change
    told = type(section).model_validate(fields).problems()
    assert any(words in problem for problem in told), told


def test_what_is_shared_is_set_once_and_what_writes_is_refused(parts, tmp_path) -> None:
    shared = {**parts, "mood": {**parts["mood"], "optim": {"name": "adamw", "lr": 1.0}}}
    assert (
        "finetune.parts.mood.optim is shared by all tasks; set finetune.optim"
        in multi(shared).finetune.problems()
    )
    missing = {**parts, "mood": {"task": "classify"}}
    assert any(
        "finetune.parts.mood.data.train is missing" in told for told in multi(missing).finetune.problems()
    )
    with pytest.raises(ValidationError, match=r"tag 'seq2seq'.*'classify', 'extract', 'relate', 'tag'"):
        multi({**parts, "mood": {**parts["mood"], "task": "seq2seq"}})


def test_polarity_and_entities_of_real_texts_are_learnt_together(
    chat_tokenizer, tmp_path, make_context
) -> None:
    data = Path(os.environ["LM_DATA"])
    if not (data / "gum-ner").is_dir() or not (data / "sentence-polarity").is_dir():
        pytest.skip("sentence-polarity and gum-ner are not in LM_DATA")
    gum = {split: str(data / f"gum-ner/{name}.conll") for split, name in SPLITS.items()}
    polarity = {"train": str(data / "sentence-polarity/sentence_polarity.zip")}
    both = {
        "polarity": {"task": "classify", "data": {**polarity, "max_examples": 600}},
        "entities": {"task": "tag", "data": {**gum, "max_examples": 300}},
    }
    trainer = {"steps": 40, "global_batch": 16, "threads": 1, "sample_every": 0, "validate_every": 10}
    weights = {"polarity": 1, "entities": 3}
    config = multi(both, trainer={**trainer, "validation_sequences": 64}, weights=weights, max_length=48)
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer, "bert"), tmp_path, make_context)
    history = [row for row in read_metrics(tuned.artifact) if "validation/loss" in row]
    assert history[-1]["validation/entities_loss"] < history[0]["validation/entities_loss"]
    assert {"polarity_accuracy", "entities_f1", "entities_tag_accuracy"} <= tuned.figures.keys()
    # Most words have no entity, which a tagger learns first.
    assert tuned.figures["entities_tag_accuracy"] > 50
