"""The finetune stage on small models: what it learns, writes and refuses."""

import json
import math
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.stages import FinetuneStage
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer, save_tokenizer
from pipeline.tracking.tracker import read_jsonl, read_metrics
from train.checkpoints.final_model import load_model, save_model
from train.finetune import run
from train.finetuning.base_model import find_base_model
from train.finetuning.classifier import load_classifier
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.models import build_model

CONTEXT = 48
CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Peru": "Lima",
    "Egypt": "Cairo",
    "Iran": "Tehran",
}
QUESTION = "What is the capital of {}?"


@pytest.fixture
def pretrained(tmp_path, chat_tokenizer) -> dict[str, Path]:
    """Inputs of the stage: a tokenizer and a small model, with random weights."""
    torch.manual_seed(0)
    config = DecoderConfig(layout="llama", layers=2, hidden=64, heads=2, context=CONTEXT)
    save_tokenizer(chat_tokenizer, tmp_path / "tok" / "tokenizer")
    state = build_model(config, len(chat_tokenizer)).state_dict()
    save_model(tmp_path / "pre", state, config, len(chat_tokenizer))
    return {"tokenizer": tmp_path / "tok", "pretrain": tmp_path / "pre"}


@pytest.fixture
def capitals(tmp_path) -> Path:
    return write_answers(tmp_path / "capitals.jsonl", CAPITALS)


def stage(**finetune) -> FinetuneStage:
    finetune.setdefault("optim", {"name": "adamw", "lr": 5e-3})
    trainer = {"steps": 40, "global_batch": 4, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
    trainer |= finetune.pop("trainer", {})
    return FinetuneStage(seed=1, strategy={"name": "single"}, finetune={**finetune, "trainer": trainer})


def write_answers(path: Path, answers: dict[str, str]) -> Path:
    rows = [{"prompt": QUESTION.format(land), "response": f"{city}."} for land, city in answers.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def known(artifact: Path, answers: dict[str, str]) -> int:
    """How many of the answers the model gives, asked as its tokenizer's chat template has it."""
    tokenizer = load_tokenizer(artifact)
    stops = Stops(json.loads((artifact / "task.json").read_text())["stop_token_ids"])
    turns = [[{"role": "user", "content": QUESTION.format(land)}] for land in answers]
    prompts = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    decode = DecodeConfig(method="greedy", max_new_tokens=12)
    found = tokenizer.batch_decode(generate_ids(load_model(artifact), prompts, decode, 0, stops))
    return sum(given == f"{city}." for given, city in zip(found, answers.values(), strict=True))


def test_instructions_are_learnt_and_unlearnt_by_adapters(pretrained, capitals, tmp_path, make_context):
    context = make_context(tmp_path / "full", **pretrained)
    metrics = run(stage(task="instruct", data={"train": str(capitals)}), context)
    assert metrics["examples"] == 4
    assert metrics["validation_examples"] == metrics["test_examples"] == 1
    assert metrics["steps"] == 40
    assert metrics["train_loss"] < 1
    assert math.isfinite(metrics["validation_loss"])
    assert metrics["trainable_parameters"] == metrics["parameters"]
    assert known(context.folder, CAPITALS) >= 4
    row = read_jsonl(context.folder / "test.jsonl")[0]
    land = next(land for land in CAPITALS if land in row["source"])
    assert row["prompt"] == f"<|user|>{QUESTION.format(land)}<|end|><|assistant|>"
    assert row["references"] == [f"{CAPITALS[land]}."]

    # Adapters on top of that model learn other answers.
    moved = dict(zip(CAPITALS, [*list(CAPITALS.values())[1:], "Paris"], strict=True))
    lora = {"rank": 16, "alpha": 32, "dropout": 0.0}
    data = {"train": str(write_answers(tmp_path / "moved.jsonl", moved))}
    context = make_context(tmp_path / "lora", tokenizer=pretrained["tokenizer"], pretrain=tmp_path / "full")
    metrics = run(stage(task="instruct", lora=lora, data=data), context)
    assert metrics["train_loss"] < 1
    assert known(context.folder, moved) >= 4
    adapters = load_file(context.folder / "adapter" / "adapter_model.safetensors")
    assert sum(tensor.numel() for tensor in adapters.values()) == metrics["trainable_parameters"]
    assert metrics["trainable_parameters"] < metrics["parameters"] / 2


def test_lora_leaves_what_it_does_not_touch(pretrained, capitals, tmp_path, make_context):
    context = make_context(tmp_path / "out", **pretrained)
    data = {"train": str(capitals)}
    run(
        stage(task="instruct", lora={"targets": ["q_proj"]}, data=data, trainer={"steps": 3}),
        context,
    )
    before = load_file(pretrained["pretrain"] / "model" / "model.safetensors")
    after = load_file(context.folder / "model" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert set(before) == set(after)
    assert changed == {f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)}


def test_batches_that_share_rows_train_the_same_with_less_padding(pretrained, tmp_path, make_context):
    path = tmp_path / "talks.jsonl"
    rows = [{"prompt": f"Say {n}.", "response": f"{n} " * (1 + n % 7)} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    logs = {}
    for batching in ("padded", "packed", "by_length"):
        context = make_context(tmp_path / batching, **pretrained)
        trainer = {"steps": 3, "global_batch": 8, "log_every": 1}
        run(stage(task="instruct", batching=batching, data={"train": str(path)}, trainer=trainer), context)
        logs[batching] = [row for row in read_metrics(context.folder) if "train/padding" in row]
    padded, packed, by_length = logs.values()
    for name in ("train/loss", "train/grad_norm"):
        assert [row[name] for row in packed] == pytest.approx([row[name] for row in padded], rel=1e-4)
    for steps in (packed, by_length):
        assert sum(row["train/padding"] for row in steps) < 0.8 * sum(row["train/padding"] for row in padded)


def test_text_to_text_with_references(pretrained, tmp_path, make_context):
    rows = [{"source": [f"Sentence {n}.", "More."], "target": [f"{n}", f"number {n}"]} for n in range(30)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    context = make_context(tmp_path / "out", **pretrained)
    template = "{source}\nIn short:"
    metrics = run(
        stage(task="seq2seq", prompt_template=template, data={"train": str(path)}, trainer={"steps": 2}),
        context,
    )
    assert metrics["steps"] == 2
    task = json.loads((context.folder / "task.json").read_text())
    assert task["template"] == template
    for row in read_jsonl(context.folder / "test.jsonl"):
        number = row["references"][0]
        assert row == {
            "prompt": f"Sentence {number}. More.\nIn short:",
            "references": [number, f"number {number}"],
            "source": f"Sentence {number}. More.",
        }


def test_classification(pretrained, tmp_path, make_context):
    path = tmp_path / "a.csv"
    lines = [
        f"{'the dog ' * (n % 5 + 1)}{'sleeps' if n % 2 else 'jumps'} {n},{'calm' if n % 2 else 'wild'}"
        for n in range(60)
    ]
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    context = make_context(tmp_path / "out", **pretrained)
    metrics = run(stage(task="classify", data={"train": str(path)}, trainer={"global_batch": 8}), context)
    assert metrics["labels"] == 2
    assert metrics["validation_loss"] < 0.3
    model, tokenizer = load_classifier(context.folder), load_tokenizer(context.folder)
    rows = read_jsonl(context.folder / "test.jsonl")
    assert rows
    for row in rows:
        ids = torch.tensor([tokenizer(row["text"]).input_ids])
        assert model.labels[int(model(ids, torch.tensor([ids.size(1)])).argmax())] == row["label"]


@pytest.mark.parametrize("model_type", ["gpt2", "mistral"])
def test_from_a_hugging_face_folder(model_type, plain_tokenizer, capitals, tmp_path, make_context):
    """GPT-2 runs on our decoder; an architecture that we do not have runs through transformers."""
    sizes = {
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
        "mistral": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
        },
    }
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    config = transformers.AutoConfig.for_model(
        model_type, vocab_size=len(plain_tokenizer), **ids, **sizes[model_type]
    )
    theirs = transformers.AutoModelForCausalLM.from_config(config).eval()
    theirs.save_pretrained(tmp_path / "hf")
    plain_tokenizer.save_pretrained(tmp_path / "hf")
    context = make_context(tmp_path / "out")
    base = find_base_model(str(tmp_path / "hf"), context)
    assert base.config.family == ("decoder" if model_type == "gpt2" else "hf")
    tokens = torch.tensor([plain_tokenizer("The dog sleeps on.").input_ids])
    with torch.inference_mode():
        torch.testing.assert_close(base.load().eval()(tokens), theirs(tokens).logits, atol=1e-4, rtol=1e-4)

    data = {"train": str(capitals)}
    run(stage(task="instruct", init=str(tmp_path / "hf"), data=data, trainer={"steps": 2}), context)
    # the artifact stands alone: what it was made from may go
    (tmp_path / "hf").rename(tmp_path / "gone")
    assert load_model(context.folder)(tokens).shape == (1, tokens.size(1), len(plain_tokenizer))
    assert read_jsonl(context.folder / "test.jsonl")[0]["prompt"].startswith("### User:\nWhat is")


def test_a_folder_without_tokenizer_or_weights(chat_tokenizer, capitals, tmp_path, make_context):
    config = transformers.AutoConfig.for_model(
        "gpt2", vocab_size=len(chat_tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64
    )
    folder = tmp_path / "hf"
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    settings = {"task": "instruct", "init": str(folder), "data": {"train": str(capitals)}}
    refuse("holds no tokenizer .* put the model's tokenizer.json", make_context(tmp_path / "out"), **settings)
    chat_tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").unlink()
    refuse("its weights cannot be loaded", make_context(tmp_path / "out"), **settings)


def refuse(message: str, context, **finetune) -> None:
    with pytest.raises(UserError, match=message):
        run(stage(**finetune), context)


def test_mistakes_are_explained(pretrained, capitals, tmp_path, make_context):
    context = make_context(tmp_path / "out", **pretrained)
    data = {"train": str(capitals)}
    refuse("does not exist", context, task="instruct", data={"train": "nowhere.jsonl"})
    refuse("context of 48", context, task="instruct", data=data, max_length=100)
    refuse("prompt_field", context, task="classify", data=data)
    refuse("no config.json", context, task="instruct", data=data, init=str(tmp_path))
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    refuse("holds no examples", context, task="instruct", data={"train": str(empty)})
    refuse(
        "model.json is damaged: it is missing",
        make_context(tmp_path / "o2", tokenizer=pretrained["tokenizer"], pretrain=tmp_path),
        task="instruct",
        data=data,
    )


def test_a_checkpoint_of_another_architecture(pretrained, capitals, tmp_path, make_context):
    description = pretrained["pretrain"] / "model" / "model.json"
    described = json.loads(description.read_text())
    described["model"]["layout"] = "qwen3"
    description.write_text(json.dumps(described))
    context = make_context(tmp_path / "out", **pretrained)
    refuse("another architecture", context, task="instruct", data={"train": str(capitals)})


def test_a_tokenizer_of_another_model(pretrained, capitals, tmp_path, make_context):
    description = pretrained["pretrain"] / "model" / "model.json"
    described = json.loads(description.read_text())
    description.write_text(json.dumps({**described, "vocab_size": 100}))
    context = make_context(tmp_path / "out", **pretrained)
    refuse("do not belong together", context, task="instruct", data={"train": str(capitals)})
