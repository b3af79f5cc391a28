"""The task tag, from its examples to scores and an export that transformers reads."""

import random
from pathlib import Path

import pytest
import torch
import transformers

from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.tracking.tracker import read_jsonl
from tests.train.head_tasks import all_stages, card_says, save_base, stage
from train.finetune import run
from train.finetuning.tagging.tagger import load_tagger

PEOPLE, PLACES = ["Ada", "Alan", "Grace"], ["Paris", "London"]


def sentence(draw: random.Random) -> list[tuple[str, str]]:
    """One in which the second of two names goes on with the first, and a place stands alone."""
    words = [("the", "O")] * draw.randint(1, 4) + [(draw.choice(PEOPLE), "B-PER")]
    if draw.random() < 0.5:
        words.append((draw.choice(PEOPLE), "I-PER"))
    return [
        *words,
        ("lived", "O"),
        ("in", "O"),
        (draw.choice(PLACES), "B-LOC"),
        (str(draw.randint(1, 999)), "O"),
    ]


def write_conll(path: Path, sentences) -> Path:
    path.write_text(
        "\n\n".join("\n".join(f"{word} {tag}" for word, tag in words) for words in sentences) + "\n"
    )
    return path


@pytest.fixture
def names(tmp_path) -> Path:
    draw = random.Random(0)
    long = [pair for _ in range(8) for pair in sentence(draw)]  # longer than the context
    return write_conll(tmp_path / "names.conll", [*(sentence(draw) for _ in range(160)), long])


@pytest.mark.parametrize(("layout", "format"), [("gpt2", "GPT2"), ("qwen3", "Qwen3"), ("bert", "Bert")])
def test_names_are_learnt_scored_and_exported(layout, format, names, chat_tokenizer, tmp_path, make_context):
    inputs = save_base(tmp_path, chat_tokenizer, layout)
    tuned = all_stages(stage("tag", names, batching="packed"), inputs, tmp_path, make_context)
    assert tuned.metrics["labels"] == 5  # O, and B- and I- of two types
    assert tuned.metrics["validation_accuracy"] > 0.95
    assert tuned.figures["f1"] > 90
    # The baseline cannot tell a second name from a first.
    assert tuned.figures["f1"] > tuned.figures["most_frequent_tag_f1"]
    told = {"precision", "recall", "f1_macro", "f1_of_PER", "recall_of_LOC", "tag_accuracy"}
    assert told <= tuned.figures.keys()
    assert "](PER)" in tuned.page
    predictions = read_jsonl(tuned.evaluated / "predictions.jsonl")
    assert sum(row["prediction"] in row["references"] for row in predictions) > 0.8 * len(predictions)
    assert "](PER)" in predictions[0]["references"][0]
    assert tuned.format == f"{format}ForTokenClassification"
    tagger, tokenizer = load_tagger(tuned.artifact), load_tokenizer(tuned.artifact)
    theirs = transformers.AutoModelForTokenClassification.from_pretrained(tuned.folder).eval()
    ids = tokenizer("the Ada Grace lived in Paris", return_tensors="pt").input_ids
    with torch.inference_mode():
        torch.testing.assert_close(theirs(ids).logits, tagger(ids), atol=1e-4, rtol=1e-4)
    assert theirs.config.id2label[1] == tagger.labels[1]
    assert [line.split()[0] for line in card_says(tuned.folder)] == [
        "Ada",
        "Lovelace",
        "lived",
        "in",
        "London",
        ".",
    ]


def test_batches_that_share_rows_train_the_same(names, chat_tokenizer, tmp_path, make_context):
    inputs = save_base(tmp_path, chat_tokenizer)
    losses = [
        run(stage("tag", names, 3, batching=batching), make_context(tmp_path / batching, **inputs))[
            "train_loss"
        ]
        for batching in ("padded", "packed")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_parts_of_speech_are_scored_by_accuracy(chat_tokenizer, tmp_path, make_context):
    draw = random.Random(1)
    kinds = {"B-PER": "NOUN", "I-PER": "NOUN", "B-LOC": "NOUN", "O": "OTHER"}
    path = write_conll(
        tmp_path / "pos.conll", [[(word, kinds[tag]) for word, tag in sentence(draw)] for _ in range(80)]
    )
    tuned = all_stages(stage("tag", path), save_base(tmp_path, chat_tokenizer), tmp_path, make_context)
    assert tuned.figures["tag_accuracy"] > 90
    assert "f1" not in tuned.figures


def test_mistakes_are_explained(names, chat_tokenizer, tmp_path, make_context):
    context = make_context(tmp_path / "out", **save_base(tmp_path, chat_tokenizer))
    broken = [[("Ada", "I-PER"), (f"x{number}", "O"), ("a", "B-PER")] for number in range(9)]
    other = write_conll(tmp_path / "other.conll", [[("Mars", "B-PLANET")]])
    for path, settings, message in (
        (write_conll(tmp_path / "broken.conll", broken), {"strict": True}, "break the scheme bio"),
        (names, {"data": {"train": str(names), "test": str(other)}}, "'B-PLANET' of 'Mars' is not among"),
    ):
        with pytest.raises(UserError, match=message):
            run(stage("tag", path, **settings), context)
