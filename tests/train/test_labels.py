"""The task classify beyond one label for a text: several, pairs of texts, numbers, weights and names."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.nn import functional as F

from pipeline.config.tasks.classify import ClassifyConfig, ClassifyDataConfig
from pipeline.errors import UserError
from pipeline.tracking.tracker import read_jsonl
from tests.train.head_tasks import all_stages, card_says, save_base, stage
from train.finetune import run
from train.finetuning.classifier import label_loss
from train.finetuning.label_rows import LabelledText, read_labelled
from train.finetuning.labels import find_labels, label_weights
from train.finetuning.matching import read_matching
from train.models import IGNORE_INDEX


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path, **settings) -> list[LabelledText]:
    return list(read_labelled(path, ClassifyDataConfig(train=str(path), **settings), Counter()))


def test_rows_of_one_text_or_two(tmp_path):
    pairs = write(tmp_path / "a.jsonl", [{"premise": "p", "hypothesis": "h", "label": 1, "id": 5}])
    assert read(pairs) == [LabelledText("p", ("1",), "h")]
    lists = write(tmp_path / "b.jsonl", [{"text": "t", "labels": ["x", "y"]}, {"text": "u", "labels": []}])
    first, second = read(lists)
    assert first == LabelledText("t", ("x", "y"), several=True)
    assert not second.flaw  # it has none of the labels, which is an answer too
    table = tmp_path / "c.csv"
    table.write_text("a,b,what\nt,u,x|y\n")
    settings = {"prompt_field": "a", "second_field": "b", "response_field": "what", "label_separator": "|"}
    assert read(table, **settings) == [LabelledText("t", ("x", "y"), "u", several=True)]
    numbers = write(tmp_path / "d.jsonl", [{"sentence1": "a", "sentence2": "b", "score": 3.5}])
    assert read(numbers) == [LabelledText("a", ("3.5",), "b")]


def test_texts_that_belong_together_are_told_from_others(tmp_path):
    rows = [{"title": f"title {n}", "summary": [f"summary {n}", "another"]} for n in range(101)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = ClassifyDataConfig(prompt_field="title", second_field="summary", matching=True)
    read = read_matching(path, data, Counter())
    assert [example.source for example in read] == [row["title"] for row in rows]
    assert sorted(str(example.second) for example in read) == sorted(row["summary"][0] for row in rows)
    together = [example.source.split()[1] == str(example.second).split()[1] for example in read]
    assert together == [example.targets == ("match",) for example in read]
    assert sum(together) == 51
    assert read == read_matching(path, data, Counter())
    assert ClassifyDataConfig(
        prompt_field="a", second_field="b", response_field="c", matching=True
    ).problems()
    assert not data.problems()


def test_pairs_in_a_single_text_task_are_told(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"premise": "p", "hypothesis": "h", "label": "x"}])
    with pytest.raises(UserError, match=r"are pairs of texts.*second_field=hypothesis"):
        read(path, prompt_field="premise", response_field="label")
    with pytest.raises(UserError, match=r"a text .* and a label .* are looked for among title, label"):
        read(write(tmp_path / "b.jsonl", [{"title": "t", "label": "x"}]))


def labelled(*labels, several=False) -> list[LabelledText]:
    return [LabelledText(f"text {n}", tuple(row.split()), several=several) for n, row in enumerate(labels)]


@pytest.mark.parametrize(
    ("examples", "kind"),
    [
        (labelled("a", "b"), "single"),
        (labelled("1", "0"), "single"),
        (labelled("1.0", "0.0"), "single"),  # as a table has labels with gaps
        (labelled("0.5", "3"), "regression"),
        (labelled("a b", "", several=True), "multi"),
        (labelled("a", "b", several=True), "single"),
    ],
)
def test_the_kind_is_found(examples, kind):
    assert find_labels(examples, ClassifyConfig()).kind == kind


def test_targets():
    several = find_labels(labelled("b a", "", several=True), ClassifyConfig())
    assert several.targets(labelled("b", "", "a b", several=True)).tolist() == [[0, 1], [0, 0], [1, 1]]
    numbers = find_labels(labelled("0.5", "3"), ClassifyConfig())
    assert numbers.targets(labelled("2", "0.25")).tolist() == [[2], [0.25]]
    named = find_labels(labelled("0", "1"), ClassifyConfig(label_names=["bad", "good"]))
    assert named.targets(labelled("1", "bad")).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("settings", "train", "other", "message"),
    [
        ({}, labelled("a", "a"), [], "all training examples have the label 'a'"),
        ({}, labelled("a", "b"), labelled("c"), "'c' of 'text 0' is not among those of the training"),
        ({"kind": "single"}, labelled("a", "b"), labelled("a b"), "has 2 labels"),
        ({"kind": "regression"}, labelled("1.5", "2"), labelled("x"), "'x' of 'text 0' is not a number"),
        ({"kind": "regression"}, labelled("2", "2"), [], "have the number 2"),
        ({"label_names": ["x", "y"]}, labelled("0", "1"), labelled("2"), "'2' .* is not among"),
    ],
)
def test_labels_of_no_use_are_told(settings, train, other, message):
    with pytest.raises(UserError, match=message):
        find_labels(train, ClassifyConfig(**settings)).targets(other)


@pytest.mark.parametrize(
    ("settings", "others", "messages"),
    [
        ({}, labelled("a", "c", "b", "d"), ["the label 'c' of 'text 1'", "the label 'd' of 'text 3'"]),
        ({"kind": "regression"}, labelled("1", "x", "y"), ["'x' of 'text 1'", "'y' of 'text 2'"]),
    ],
)
def test_all_labels_of_no_use_are_told_at_once(settings, others, messages):
    labels = find_labels(labelled("1", "2") if settings else labelled("a", "b"), ClassifyConfig(**settings))
    with pytest.raises(UserError) as raised:
        labels.targets(others)
    header, *lines = str(raised.value).splitlines()
    assert header == "2 faults in the examples:"
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith(f"  {message}")


def test_weights_have_a_mean_of_one():
    labels = find_labels(labelled("a", "a", "a", "b"), ClassifyConfig())
    targets = labels.targets(labelled("a", "a", "a", "b"))
    balanced = label_weights(labels, targets, ClassifyConfig(class_weights="balanced"))
    assert balanced == pytest.approx([2 / 3, 2])
    given = label_weights(labels, targets, ClassifyConfig(class_weights={"b": 5}))
    assert given == pytest.approx([0.5, 2.5])
    with pytest.raises(UserError, match="'c', which is none of the labels"):
        label_weights(labels, targets, ClassifyConfig(class_weights={"c": 5}))


def test_losses_are_torchs_own():
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    given, several = torch.tensor([2, 0, IGNORE_INDEX]), torch.tensor([[0.0, 1, 1, 0], [1, 0, 0, 0]])
    weights = [1.0, 2.0, 3.0, 4.0]
    loss = label_loss("single", logits, given, weights)
    each = F.cross_entropy(logits[:2], given[:2], reduction="none")
    assert float(loss.total) == pytest.approx(float(3 * each[0] + each[1]), rel=1e-6)
    absent = torch.full((1, 4), float("nan"))
    loss = label_loss("multi", logits, torch.cat([several, absent]), weights)
    expected = F.binary_cross_entropy_with_logits(logits[:2], several, pos_weight=torch.tensor(weights))
    assert float(loss.total / loss.tokens) == pytest.approx(float(expected), rel=1e-6)
    assert int(loss.tokens) == 2
    numbers = torch.tensor([[0.5], [2.0], [float("nan")]])
    loss = label_loss("regression", logits[:, :1], numbers, None)
    assert float(loss.total / loss.tokens) == pytest.approx(
        float(F.mse_loss(logits[:2, :1], numbers[:2])), rel=1e-6
    )
    assert torch.isfinite(loss.total)


def test_several_labels_are_learnt_and_exported(chat_tokenizer, tmp_path, make_context):
    draw = random.Random(0)
    rows = []
    for number in range(160):
        labels = [word for word in ("dog", "fox", "cat") if draw.random() < 0.5]
        rows.append({"text": f"{number} the " + " and the ".join(labels), "labels": labels})
    config = stage("classify", write(tmp_path / "a.jsonl", rows), 120, 16, batching="packed")
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer), tmp_path, make_context)
    assert tuned.figures["f1"] > 90 > tuned.figures["most_frequent_label_f1"]
    assert {"exact", "f1_macro", "precision_of_dog"} <= tuned.figures.keys()
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tuned.folder)
    assert theirs.config.problem_type == "multi_label_classification"
    assert "'dog'" in card_says(tuned.folder)[0]


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_pairs_are_learnt_and_exported(batching, chat_tokenizer, tmp_path, make_context):
    """Whether the second text is a certain one: the first alone does not tell."""
    rows = [
        {
            "sentence1": f"dog {n}",
            "sentence2": "sleeps" if n % 3 else "jumps",
            "label": ["no", "yes"][n % 3 > 0],
        }
        for n in range(120)
    ]
    config = stage("classify", write(tmp_path / "a.jsonl", rows), 60, 16, batching=batching)
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer), tmp_path, make_context)
    assert tuned.metrics["pairs"] == tuned.metrics["examples"]
    assert tuned.figures["accuracy"] > 90 > tuned.figures["most_frequent_label_accuracy"]
    confusion = json.loads((tuned.evaluated / "confusion.json").read_text())
    assert confusion["labels"] == ["no", "yes"]
    assert np.sum(confusion["counts"]) == tuned.metrics["test_examples"]
    assert "Confusion matrix" in tuned.page
    assert "<|endoftext|>" in (tuned.folder / "README.md").read_text()
    assert card_says(tuned.folder)[0].startswith("[{'label': ")


def test_an_encoder_decoder_classifies_with_its_encoder(chat_tokenizer, tmp_path, make_context):
    rows = [
        {"text": f"{n} the {'dog' if n % 2 else 'fox'}", "label": ["no", "yes"][n % 2]} for n in range(160)
    ]
    config = stage("classify", write(tmp_path / "a.jsonl", rows), 60, 16, batching="by_length")
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer, "t5_v1_1"), tmp_path, make_context)
    assert tuned.figures["accuracy"] > 90 > tuned.figures["most_frequent_label_accuracy"]
    weights = load_file(tuned.artifact / "model/model.safetensors")
    assert not any(name.startswith(("decoder.", "lm_head.")) for name in weights)
    assert tuned.metrics["parameters"] == sum(tensor.numel() for tensor in weights.values())


def test_numbers_are_learnt_and_exported(chat_tokenizer, tmp_path, make_context):
    rows = [{"text": f"{n} the " + "dog " * (n % 4), "label": 0.5 * (n % 4)} for n in range(160)]
    config = stage("classify", write(tmp_path / "a.jsonl", rows), 150, 16)
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer), tmp_path, make_context)
    assert tuned.figures["pearson"] > 80
    assert tuned.figures["squared_error"] < tuned.figures["training_mean_squared_error"]
    assert float(read_jsonl(tuned.evaluated / "predictions.jsonl")[0]["prediction"]) == pytest.approx(
        float(read_jsonl(tuned.evaluated / "predictions.jsonl")[0]["references"][0]), abs=0.6
    )
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tuned.folder)
    assert theirs.config.problem_type == "regression"


def test_changed_copies_are_trained_on_alone(chat_tokenizer, tmp_path, make_context):
    rows = [{"text": f"{n} the dog and the fox", "label": n % 2} for n in range(60)]
    path = write(tmp_path / "a.jsonl", rows)
    inputs = save_base(tmp_path, chat_tokenizer)
    ways = {"by": ["swap", "noise"], "copies": 2, "rate": 0.5}
    context = make_context(tmp_path / "out", **inputs)
    metrics = run(stage("classify", path, 3, augmentation=ways), context)
    assert metrics["examples"] < metrics["augmented"] <= 2 * metrics["examples"]
    plain = {row["text"] for row in rows}
    assert {row["text"] for row in read_jsonl(context.folder / "test.jsonl")} <= plain


def test_single_texts_beside_pairs_are_refused(chat_tokenizer, tmp_path, make_context):
    from train.finetuning.data import load_splits
    from train.finetuning.task import task_of

    pairs = [{"sentence1": f"a {n}", "sentence2": "b", "label": n % 2} for n in range(40)]
    train = write(tmp_path / "a.jsonl", pairs)
    test = write(tmp_path / "b.jsonl", [{"text": "a", "label": 0}])
    settings = ClassifyConfig(data={"train": str(train), "test": str(test)})
    task = task_of(settings)
    splits = load_splits(settings.data, lambda path, unread: task.read_examples(path, settings, unread), Path)
    with pytest.raises(UserError, match="'a' is a single text, and the first training examples are pairs"):
        task.describe_examples(settings, splits)
    context = make_context(tmp_path / "out", **save_base(tmp_path, chat_tokenizer))
    with pytest.raises(UserError, match="'a' is a single text"):
        run(stage("classify", train, data=settings.data.model_dump()), context)
