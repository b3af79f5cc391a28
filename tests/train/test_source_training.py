"""Fine-tuning of an encoder–decoder on sources and targets, and the ways in which people have pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftConfig
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.stages import FinetuneStage
from pipeline.config.tasks.seq2seq import Seq2SeqConfig, Seq2SeqDataConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer, save_tokenizer
from pipeline.tracking.tracker import read_jsonl
from train.checkpoints.final_model import load_model, save_model
from train.finetune import run
from train.finetuning.base_model import find_base_model
from train.finetuning.data import Splits, load_splits
from train.finetuning.source_form import SourceForm
from train.finetuning.tasks.instruct import TASK as INSTRUCT
from train.finetuning.tasks.seq2seq import TASK
from train.generation.generate import generate
from train.generation.stops import Stops
from train.models import as_writing_model, build_model

CONTEXT = 32
CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Peru": "Lima",
    "Egypt": "Cairo",
    "Iran": "Tehran",
}


@pytest.fixture
def pretrained(tmp_path, plain_tokenizer) -> dict[str, Path]:
    torch.manual_seed(0)
    config = EncoderDecoderConfig(layers=2, hidden=64, heads=2, context=CONTEXT, tie_embeddings=True)
    save_tokenizer(plain_tokenizer, tmp_path / "tok" / "tokenizer")
    state = build_model(config, len(plain_tokenizer)).state_dict()
    save_model(tmp_path / "pre", state, config, len(plain_tokenizer))
    return {"tokenizer": tmp_path / "tok", "pretrain": tmp_path / "pre"}


def stage(**finetune) -> FinetuneStage:
    trainer = {"steps": 60, "global_batch": 4, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
    trainer |= finetune.pop("trainer", {})
    tuned = {"task": "seq2seq", "optim": {"name": "adamw", "lr": 5e-3}, **finetune, "trainer": trainer}
    return FinetuneStage(seed=1, strategy={"name": "single"}, finetune=tuned)


def parallel(folder: Path, pairs: dict[str, str]) -> dict[str, str]:
    for name, texts in (("pairs.en", pairs), ("pairs.city", pairs.values())):
        (folder / name).write_text("".join(f"{text}\n" for text in texts))
    return {"train": str(folder / "pairs.en"), "train_targets": str(folder / "pairs.city")}


def written(artifact: Path, sources: list[str], decode: DecodeConfig) -> list[str]:
    tokenizer = load_tokenizer(artifact)
    facts = json.loads((artifact / "task.json").read_text())
    prompts = TASK.trained_format(tokenizer, facts).prompt_ids(sources)
    model, stops = as_writing_model(load_model(artifact)), Stops(facts["stop_token_ids"])
    return [text for text, _ in generate(model, tokenizer, prompts, decode, 0, stops=stops)]


def test_targets_are_learnt_and_written_alone_in_batches_and_by_beams(pretrained, tmp_path, make_context):
    context = make_context(tmp_path / "full", **pretrained)
    metrics = run(stage(data=parallel(tmp_path, CAPITALS), batching="by_length"), context)
    assert (metrics["examples"], metrics["validation_examples"], metrics["test_examples"]) == (4, 1, 1)
    assert metrics["train_loss"] < 0.5
    [row] = read_jsonl(context.folder / "test.jsonl")
    assert row["prompt"] == row["source"], "without the token that ends it"
    greedy = DecodeConfig(method="greedy", max_new_tokens=12)
    sources = list(CAPITALS)
    together = written(context.folder, sources, greedy)
    assert sum(text == CAPITALS[land] for land, text in zip(sources, together, strict=True)) >= 4
    assert together == [written(context.folder, [land], greedy)[0] for land in sources]
    beams = written(context.folder, sources, greedy.model_copy(update={"method": "beam", "beams": 3}))
    assert sum(text == CAPITALS[land] for land, text in zip(sources, beams, strict=True)) >= 4


def test_adapters_learn_them_too(pretrained, tmp_path, make_context):
    context = make_context(tmp_path / "lora", **pretrained)
    lora = {"rank": 16, "alpha": 32, "dropout": 0.0}
    metrics = run(stage(data=parallel(tmp_path, CAPITALS), lora=lora, trainer={"steps": 80}), context)
    assert metrics["trainable_parameters"] < metrics["parameters"]
    assert metrics["train_loss"] < metrics["validation_loss"]
    assert PeftConfig.from_pretrained(context.folder / "adapter").task_type == "SEQ_2_SEQ_LM"


def test_all_of_the_target_is_learnt_and_long_texts_are_told(
    pretrained, tmp_path, plain_tokenizer, make_context
):
    pairs = {
        "a long source " * 20 + land: city * (30 if land == "Iran" else 1) for land, city in CAPITALS.items()
    }
    base = find_base_model(None, make_context(tmp_path / "out", **pretrained))
    data = Seq2SeqDataConfig(**parallel(tmp_path, pairs))
    splits = read(data)
    training = TASK.training(Seq2SeqConfig(data=data), base, splits)
    for shown, _ in training.sampler(0)(base.load().eval()):
        assert shown.startswith("a long source ")
        assert shown.endswith(" → ")
    rows = np.arange(len(splits.train))
    batch = training.train.collate(rows, rows)
    assert batch["input_ids"].shape[1] <= CONTEXT
    assert (batch["lengths"] == CONTEXT).all()
    eos = plain_tokenizer.eos_token_id
    assert (batch["input_ids"][:, -1] == eos).all(), "what is cut is the middle"
    for row, example in zip(batch["labels"].tolist(), splits.train, strict=True):
        learnt = [id for id in row if id >= 0]
        if "Iran" not in example.source:
            assert plain_tokenizer.decode(learnt[:-1]) == example.targets[0]
            assert learnt[-1] == eos
    assert (
        f"{len(splits.train)} of {len(splits.train)} training examples: the prompt is too long"
        in training.warnings()[0]
    )


def read(data: Seq2SeqDataConfig) -> Splits:
    settings = Seq2SeqConfig(data=data)
    return load_splits(data, lambda path, unread: TASK.read_examples(path, settings, unread), Path)


def test_files_of_other_lengths_do_not_belong_together(tmp_path):
    data = Seq2SeqDataConfig(**parallel(tmp_path, CAPITALS))
    (tmp_path / "pairs.city").write_text("Paris\nRome\n")
    with pytest.raises(UserError, match=r"pairs\.city ends after line 2, and .*pairs\.en goes on"):
        read(data)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"train": ["a", "b"], "train_targets": "c"}, "train_targets names 1 file and train 2"),
        ({"train": "a", "test_targets": "c"}, "test_targets names 1 file and test 0"),
        ({"train": "a", "train_targets": "c", "prompt_field": "x", "response_field": "y"}, "without fields"),
        ({"train": "a.csv", "reference_fields": ["b"]}, "name prompt_field and response_field"),
    ],
)
def test_contradictions_are_told(settings, told):
    assert any(told in problem for problem in Seq2SeqDataConfig(**settings).problems())


def test_several_columns_hold_references(tmp_path):
    """As in DialogSum, whose test set has three summaries, and whose training set one in another column."""
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text("".join(json.dumps({"dialogue": f"d{n}", "summary": f"s{n}"}) + "\n" for n in range(9)))
    test.write_text(
        json.dumps({"dialogue": "t", "summary1": "x", "summary2": ["y", ""], "topic": "z"}) + "\n"
    )
    files = {"train": str(train), "test": str(test)}
    fields = {
        "prompt_field": "dialogue",
        "response_field": "summary",
        "reference_fields": ["summary1", "summary2"],
    }
    splits = read(Seq2SeqDataConfig(**files, **fields))
    assert splits.test[0].targets == ("x", "y")
    assert splits.train[0].targets == (splits.train[0].source.replace("d", "s"),)
    assert splits.unread == {"topic": 1}
    test.write_text(json.dumps({"dialogue": "t"}) + "\n")
    with pytest.raises(
        UserError, match=r"test\.jsonl, line 1: none of the fields summary, summary1, summary2"
    ):
        read(Seq2SeqDataConfig(**files, **fields))


def test_pairs_are_learnt_both_ways_and_held_out_both_ways(tmp_path):
    pairs = {f"word {number}": f"Wort {number}" for number in range(60)}
    data = Seq2SeqDataConfig(**parallel(tmp_path, pairs), prefix="to German: ", reverse_prefix="to English: ")
    splits = read(data)
    assert splits.test
    assert all(example.source.startswith("to German: word") for example in splits.test)
    held_out = {example.source.removeprefix("to German: ").removeprefix("word ") for example in splits.test}
    trained = {example.source.rpartition(" ")[2] for example in splits.train}
    assert not held_out & trained, "neither way"
    ways = {example.source.rpartition(" ")[0] for example in splits.train}
    assert ways == {"to German: word", "to English: Wort"}


def test_sources_are_framed_as_their_tokenizer_does(plain_tokenizer: PreTrainedTokenizerFast):
    form = SourceForm(plain_tokenizer, "read {source}!")
    assert plain_tokenizer.decode(form.prompt_ids(["<|endoftext|>"])[0]) == "read <|endoftext|>!<|endoftext|>"
    assert form.prompt_ids(["<|endoftext|>"])[0].count(plain_tokenizer.eos_token_id) == 1, "the text is text"
    assert form.shown("x") == "read x!"
    tokens = [("<|pad|>", plain_tokenizer.pad_token_id), ("<|endoftext|>", plain_tokenizer.eos_token_id)]
    plain_tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        "<|pad|> $A <|endoftext|>", None, tokens
    )
    framed = SourceForm(plain_tokenizer)
    assert framed.frames_itself
    assert framed.prompt_ids(["a dog"])[0] == plain_tokenizer("a dog").input_ids
    assert framed.response_ids([("a dog", "a fox")])[0] == plain_tokenizer("a fox").input_ids


def test_decoders_learn_as_before_and_others_are_refused():
    TASK.check_base(DecoderConfig(), "it")
    TASK.check_base(EncoderDecoderConfig(), "it")
    with pytest.raises(UserError, match="one that reads text from left to right, and it"):
        INSTRUCT.check_base(EncoderDecoderConfig(), "it")
