"""Exported folders: what transformers reads from them, and what the model card says."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from inference.settings import SampleSettings
from pipeline.config.evaluation import DecodeConfig, WeightsConfig
from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.stages import ExportStage
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.formats.training_artifact import write_initial
from pipeline.store.artifacts import write_json
from tests.written_checkpoints import write_checkpoint
from train.checkpoints.final_model import described_model, load_model, save_model
from train.export import run
from train.exporting import parity
from train.finetuning.chat import ChatFormat, find_stops, set_chat_template
from train.finetuning.classifier import Classifier
from train.finetuning.head import save_with_head
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.models import build_model
from train.weights.choice import choose, write_choice

TEXTS = [
    f"The model reads {n} tokens and writes the next; that is all it does. Übung №{n}." for n in range(40)
]
SIZES = {"layers": 2, "hidden": 32, "heads": 4, "context": 64}


def write_manifest(artifact: Path, **config) -> None:
    """What the worker writes beside a trained model, in small."""
    training = {
        "optim": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.1},
        "schedule": {"name": "cosine", "warmup": 0.02},
        "trainer": {"global_batch": 32, "precision": "fp32"},
    }
    if "finetune" in config:
        config["finetune"] |= training
    else:
        config |= {"objective": {"name": "causal"}, **training}
    manifest = {
        "config": {"seed": 1, **config},
        "metrics": {"parameters": 12345, "steps": 7, "validation_loss": 2.5},
        "packages": {"torch": "2.13.0", "deepspeed": None},
        "fingerprint": "0123456789abcdef",
        "git_commit": None,
        "seconds": 65.0,
        "ranks": 1,
    }
    write_json(artifact / "manifest.json", manifest)


@pytest.fixture
def make_inputs(tmp_path, chat_tokenizer):
    """Inputs of the export stage around a model with random weights."""

    def make(config: ModelConfig, tokenizer=chat_tokenizer) -> dict[str, Path]:
        inputs = {name: tmp_path / name for name in ("clean", "tokenizer", "pretrain", "evaluate")}
        with DocumentWriter(inputs["clean"] / "documents", "validation", 1) as writer:
            for number, text in enumerate(TEXTS):
                writer.write(Document(str(number), text))
        counts = {"documents": len(TEXTS), "bytes": sum(len(text.encode()) for text in TEXTS)}
        source = {
            "part": "",
            "name": "Sentences",
            "license": "CC-BY-SA-4.0",
            "attribution": None,
            "url": None,
            "date": None,
        }
        stats = {
            "languages": {"zh": 9, "en": len(TEXTS), "fr": 1, "und": 20},
            "personal_data": {"action": "keep"},
        }
        stats |= {"contamination": {"action": "drop", "documents": 2}}
        stats |= {"read": counts, "dropped": {"too_short": {"documents": 3, "bytes": 30}}, "kept": counts}
        write_json(
            inputs["clean"] / "stats.json", {**stats, "splits": {"validation": counts}, "sources": [source]}
        )
        save_tokenizer(tokenizer, inputs["tokenizer"] / "tokenizer")
        torch.manual_seed(0)
        model = build_model(config, len(tokenizer))
        for parameter in model.parameters():  # as far from the initial values as training goes
            torch.nn.init.normal_(parameter, std=0.3 if parameter.dim() > 1 else 1.0)
        save_model(inputs["pretrain"], model.state_dict(), config, len(tokenizer))
        write_manifest(inputs["pretrain"], model=config.model_dump(mode="json"))
        inputs["evaluate"].mkdir()
        write_json(
            inputs["evaluate"] / "manifest.json",
            {"metrics": {"perplexity": 12.3, "notes": "BLEU goes to 100."}},
        )
        row = {"model": "pretrain", "name": "word_perplexity", "value": 123.456, "low": 120.0, "high": 127.0}
        write_json(
            inputs["evaluate"] / "results.json",
            [{**row, "n": 40, "signature": "split:test|context:64", "file": None}],
        )
        return inputs

    return make


def export(**settings) -> ExportStage:
    return ExportStage(export=settings)


LSTM = LSTMConfig(layers=1, hidden=32, embedding=32, context=64)
GPT2 = DecoderConfig(layout="gpt2", **SIZES)
LLAMA = DecoderConfig(layout="llama", tie_embeddings=False, kv_heads=2, **SIZES)
QWEN3 = DecoderConfig(layout="qwen3", head_size=16, kv_heads=1, rope_theta=50000.0, **SIZES)


def check_logits(folder: Path, ours: Path, name: str, tolerance: float) -> None:
    """Against the folder read by its public names, in this process."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    assert type(model).__name__ == name
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits.float(), load_model(ours)(ids), atol=tolerance, rtol=0)


def test_a_decoder_loads_in_transformers(make_inputs, tmp_path, make_context, monkeypatch):
    """Checked in a process of its own, as a user's export is."""
    monkeypatch.setattr(parity, "subprocess", subprocess)
    inputs = make_inputs(QWEN3)
    context = make_context(tmp_path / "out", **inputs)
    metrics = run(export(), context)
    assert 0 < metrics["max_logit_difference"] <= 1e-4
    assert metrics["parity_tokens"] >= 2 * SIZES["context"]
    assert metrics["format"] == "Qwen3ForCausalLM"
    check_logits(context.folder / "model", inputs["pretrain"], "Qwen3ForCausalLM", 1e-4)


def test_bf16_and_the_model_card(make_inputs, tmp_path, make_context, monkeypatch, capsys):
    inputs = make_inputs(GPT2)
    context = make_context(tmp_path / "out", **inputs)
    metrics = run(export(dtype="bf16"), context)
    folder = context.folder / "model"
    # Parity is of the fp32 weights; what the cast costs is stated beside it.
    assert metrics["max_logit_difference"] <= 1e-4 < metrics["bf16_logit_difference"]
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    check_logits(folder, inputs["pretrain"], "GPT2LMHeadModel", 2 * metrics["bf16_logit_difference"])

    card = (folder / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "cc-by-sa-4.0"
    assert front["library_name"] == "transformers"
    assert front["language"] == ["en", "zh"], "the notable ones, as codes, the most frequent first"
    facts = (
        "Sentences",
        "3 too_short",
        "12,345",
        "GPT2LMHeadModel",
        "adamw, peak rate 0.001, weight decay",
        "cosine",
    )
    for fact in (*facts, "perplexity", "123.46"):
        assert fact in card, fact
    for setting in ("expert", "router_z_loss", "balance_loss", "layer_types", "rope_theta"):
        assert setting not in card, "what this model has not got is not told of it"
    assert "[120.00, 127.00]" in card
    assert "\n\nBLEU goes to 100.\n\n## Export\n" in card
    assert "bf16 weights in this folder differ by" in card
    assert f'prompt = "{TEXTS[0].split(" 0")[0]} 0"' in card, "how a held-out text begins"
    # The card's code runs as it stands, in the folder: it draws as `make sample` does, the same text each time.
    code = card.split("```python\n")[1].split("```")[0]
    drawn = SampleSettings().sampling
    assert f"do_sample=True, temperature={drawn.temperature}, top_k=0, top_p={drawn.top_p})" in code
    assert (drawn.top_k, drawn.min_p, drawn.repetition_penalty) == (None, None, 1)
    monkeypatch.chdir(folder)
    written = []
    for _ in range(2):
        torch.rand(7)  # whatever was drawn before
        exec(compile(code, "README.md", "exec"), {})
        written.append(capsys.readouterr().out)
    assert written[0] == written[1] != ""


def in_a_store(root: Path, inputs: dict[str, Path]) -> Path:
    """Make of the inputs the artifacts of a run `own`; returns the folder of its pretraining."""
    made: dict[str, str] = {}
    for stage, before in (("clean", ()), ("shards", ("clean",)), ("pretrain", ("shards",))):
        folder = root / "artifacts" / stage / f"own-{len(made):016x}"
        folder.parent.mkdir(parents=True)
        if stage in inputs:
            shutil.copytree(inputs[stage], folder)
        folder.mkdir(exist_ok=True)
        spec = {
            "stage": stage,
            "plugins": [],
            "config": {},
            "input_fingerprints": {name: made[name] for name in before},
        }
        (folder / "stage.yaml").write_text(yaml.safe_dump(spec))
        if not (folder / "manifest.json").exists():
            write_json(folder / "manifest.json", {"metrics": {}, "outputs": {}})
        made[stage] = folder.name.removeprefix("own-")
    return folder


def test_the_card_of_weights_that_were_only_measured_tells_of_their_own_training(
    make_inputs, tmp_path, make_context
):
    inputs = make_inputs(GPT2)
    base = in_a_store(tmp_path, inputs)
    manifest = json.loads((inputs["pretrain"] / "manifest.json").read_text())
    manifest["metrics"]["steps"] = 0
    stats = json.loads((inputs["clean"] / "stats.json").read_text())
    stats["sources"][0]["name"] = "Measured"
    write_json(inputs["clean"] / "stats.json", stats)
    write_initial(inputs["pretrain"], "own", 300)
    for init, known in ((str(base), True), ("someone/gpt", False)):
        manifest["config"]["pretrain"] = {"init": init}
        write_json(inputs["pretrain"] / "manifest.json", manifest)
        context = make_context(tmp_path / f"out-{known}", **inputs)
        run(export(), context)
        card = (context.folder / "model/README.md").read_text(encoding="utf-8")
        assert "Measured" not in card
        assert ("\n- Sentences" in card) == known
        assert card.count("| optimizer |") == known
        assert "| starts from | own |\n| steps | none: the weights are as they were |" in card


@pytest.mark.parametrize("init", ["someone/gpt", "own"])
def test_weights_of_others_have_a_licence_of_their_own(init, make_inputs, tmp_path, make_context):
    inputs = make_inputs(GPT2)
    manifest = json.loads((inputs["pretrain"] / "manifest.json").read_text())
    manifest["config"]["pretrain"] = {"init": init if init != "own" else str(in_a_store(tmp_path, inputs))}
    write_json(inputs["pretrain"] / "manifest.json", manifest)
    context = make_context(tmp_path / "out", **inputs)
    run(export(), context)
    card = (context.folder / "model/README.md").read_text(encoding="utf-8")
    known = yaml.safe_load(card.split("---\n")[1]).get("license")
    assert known == (None if init == "someone/gpt" else "cc-by-sa-4.0")
    unknown = "The licence of the weights that pretraining started from (gpt) is not known."
    assert (unknown in card) == (init == "someone/gpt")


def test_the_card_of_a_fine_tuning_tells_what_its_weights_were_trained_on(
    make_inputs, chat_tokenizer, tmp_path, make_context
):
    inputs = make_inputs(GPT2)
    base = in_a_store(tmp_path, inputs)
    set_chat_template(chat_tokenizer)
    tuned = tmp_path / "finetune"
    save_tokenizer(chat_tokenizer, tuned / "tokenizer")
    save_model(tuned, load_model(inputs["pretrain"]).state_dict(), GPT2, len(chat_tokenizer))
    stops = find_stops(ChatFormat(chat_tokenizer)).ids
    write_json(tuned / "task.json", {"task": "instruct", "template": "…", "stop_token_ids": stops})
    data = {"train": ["/somewhere/talks.jsonl"]}
    write_manifest(tuned, finetune={"task": "instruct", "lora": None, "init": str(base), "data": data})
    manifest = json.loads((tuned / "manifest.json").read_text())
    manifest["metrics"] |= {"examples": 907, "cut_prompts": 237, "cut_responses": 157, "cut_turns": 0}
    write_json(tuned / "manifest.json", manifest)
    del inputs["pretrain"]
    context = make_context(tmp_path / "out", **inputs, finetune=tuned)
    run(export(), context)
    card = (context.folder / "model/README.md").read_text(encoding="utf-8")
    for fact in (
        "## Pretraining data\n\n- Sentences",
        "layout gpt2",
        "### Pretraining",
        "| data | talks.jsonl |",
        "| too long for the context | of 907 training examples 237 prompts lost their first turns or their middle and "
        "157 responses lost their end |",
        "The licence of the examples that it was fine-tuned on (talks.jsonl) is not known. Licence of the text that it "
        "was pretrained on: CC-BY-SA-4.0.",
    ):
        assert fact in card, fact
    assert "license" not in yaml.safe_load(card.split("---\n")[1]), "the corpus's is not the whole model's"
    named = make_context(tmp_path / "named", **inputs, finetune=tuned)
    run(export(license="MIT"), named)
    card = (named.folder / "model/README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "mit"
    assert "Licence: MIT." in card
    assert "is not known" not in card


def test_the_weights_of_another_step(make_inputs, tmp_path, make_context):
    inputs = make_inputs(LSTM)
    early = build_model(LSTM, described_model(inputs["pretrain"])[1]).eval()
    write_checkpoint(inputs["pretrain"], 3, early)
    write_choice(inputs["evaluate"], choose(inputs["pretrain"], WeightsConfig(step=3)))
    context = make_context(tmp_path / "out", **inputs)
    metrics = run(export(step=3), context)
    assert metrics["weights"] == "the training step 3"
    ids = torch.arange(20)[None]
    assert torch.equal(load_model(context.folder)(ids), early(ids))
    assert "| taken from | the training step 3 |" in (context.folder / "model/README.md").read_text()


def test_a_chat_model_keeps_its_template_and_its_end(make_inputs, chat_tokenizer, tmp_path, make_context):
    from transformers import AutoTokenizer, GenerationConfig

    inputs = make_inputs(LLAMA)
    set_chat_template(chat_tokenizer)
    form = ChatFormat(chat_tokenizer)
    tuned = tmp_path / "finetune"
    save_tokenizer(chat_tokenizer, tuned / "tokenizer")
    save_model(tuned, load_model(inputs["pretrain"]).state_dict(), LLAMA, len(chat_tokenizer))
    stops = find_stops(form).ids
    write_json(tuned / "task.json", {"task": "instruct", "template": "…", "stop_token_ids": stops})
    finetune = {
        "task": "instruct",
        "lora": LoRAConfig().model_dump(),
        "init": None,
        "data": {"train": {"a.jsonl": 1}},
    }
    write_manifest(tuned, finetune=finetune)
    context = make_context(tmp_path / "out", **inputs, finetune=tuned)
    run(export(), context)
    folder = context.folder / "model"
    check_logits(folder, tuned, "LlamaForCausalLM", 1e-4)
    turn = [{"role": "user", "content": "What is it?"}]
    saved = AutoTokenizer.from_pretrained(folder)
    prompt = saved.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    assert prompt == form.prompt("What is it?")
    assert GenerationConfig.from_pretrained(folder).eos_token_id == stops
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "apply_chat_template" in card
    assert "instruct, LoRA of rank 8" in card

    # Without a corpus the test examples are what the two models are compared on.
    row = {"prompt": form.prompt("这是什么？"), "references": ["A dog. " * 20], "source": "这是什么？"}
    (tuned / "test.jsonl").write_text(json.dumps(row) + "\n")
    alone = make_context(tmp_path / "alone", finetune=tuned, evaluate=inputs["evaluate"])
    assert run(export(), alone)["parity_tokens"] > 20
    card = (alone.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert 'turns = [{"role": "user", "content": "这是什么？"}]' in card, (
        "a question in the examples' language"
    )


def test_an_end_that_is_no_token_ends_generation_in_transformers(
    make_inputs, plain_tokenizer, tmp_path, make_context, monkeypatch
):
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    inputs = make_inputs(LLAMA, plain_tokenizer)
    plain_tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tuned = tmp_path / "finetune"
    save_tokenizer(plain_tokenizer, tuned / "tokenizer")
    save_model(tuned, load_model(inputs["pretrain"]).state_dict(), LLAMA, len(plain_tokenizer))
    stops = find_stops(ChatFormat(plain_tokenizer))
    facts = {"task": "instruct", "template": "…", "stop_token_ids": stops.ids, "stop_strings": stops.texts}
    write_json(tuned / "task.json", facts)
    finetune = {"task": "instruct", "lora": None, "init": None, "data": {"train": "a.jsonl"}}
    write_manifest(tuned, finetune=finetune)
    context = make_context(tmp_path / "out", **inputs, finetune=tuned)
    run(export(), context)
    folder = context.folder / "model"
    generation = GenerationConfig.from_pretrained(folder)
    assert generation.eos_token_id == [plain_tokenizer.eos_token_id]  # and not ">", with which the end ends
    assert generation.stop_strings == ["<|im_end|>"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "ends with the text `<|im_end|>`" in card
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    exec(compile(code, "README.md", "exec"), {})

    # transformers and we stop at the same place, at a text that this model does write.
    saved, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    prompt = saved("What is").input_ids
    decode = DecodeConfig(method="greedy", max_new_tokens=20)
    [whole] = generate_ids(load_model(tuned), [prompt], decode, 0, Stops([]))
    texts = (saved.decode(whole[start : start + 2]) for start in range(1, 18))
    text = next(text for text in texts if text.isascii() and len(text) > 1)
    [ours] = generate_ids(load_model(tuned), [prompt], decode, 0, Stops([], [text]), decode=saved.decode)
    theirs = model.generate(
        torch.tensor([prompt]), stop_strings=[text], tokenizer=saved, do_sample=False, max_new_tokens=20
    )
    assert len(ours) < 20
    assert theirs[0, len(prompt) :].tolist() == ours


def test_a_classifier_keeps_its_labels(make_inputs, chat_tokenizer, tmp_path, make_context):
    from transformers import pipeline

    inputs = make_inputs(GPT2)
    tuned = tmp_path / "finetune"
    save_tokenizer(chat_tokenizer, tuned / "tokenizer")
    classifier = Classifier(load_model(inputs["pretrain"]), ["bad", "good"])
    torch.nn.init.normal_(classifier.score.weight)
    save_with_head(tuned, classifier.state_dict(), GPT2, len(chat_tokenizer), labels=["bad", "good"])
    write_json(tuned / "task.json", {"task": "classify", "labels": ["bad", "good"]})
    rows = [{"text": text[: 10 + 3 * n], "label": "good"} for n, text in enumerate(TEXTS)]
    (tuned / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    finetune = {"task": "classify", "lora": None, "init": None, "data": {"train": "a.jsonl"}}
    write_manifest(tuned, finetune=finetune)
    context = make_context(tmp_path / "out", **inputs, finetune=tuned)
    metrics = run(export(), context)
    assert metrics["format"] == "GPT2ForSequenceClassification"
    classify = pipeline("text-classification", str(context.folder / "model"), device="cpu")
    ids = torch.tensor([chat_tokenizer(TEXTS[0]).input_ids])
    with torch.inference_mode():
        expected = classifier.eval()(ids, torch.tensor([ids.size(1)])).softmax(-1)[0]
    found = classify(TEXTS[0])[0]
    assert found["label"] == ["bad", "good"][int(expected.argmax())]
    assert found["score"] == pytest.approx(float(expected.max()), abs=1e-4)


def test_an_architecture_of_transformers(make_inputs, tmp_path, make_context):
    fields = {
        "model_type": "mistral",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    context = make_context(tmp_path / "out", **make_inputs(HuggingFaceConfig(config=fields, context=64)))
    metrics = run(export(), context)
    assert metrics["format"] == "MistralForCausalLM"
    assert metrics["max_logit_difference"] <= 1e-4


def test_an_lstm_is_for_our_own_loader(make_inputs, tmp_path, make_context):
    inputs = make_inputs(LSTM)
    context = make_context(tmp_path / "out", **inputs)
    metrics = run(export(), context)
    assert metrics["format"] == "lm-workflow"
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(
        load_model(context.folder)(ids), load_model(inputs["pretrain"])(ids), atol=0, rtol=0
    )
    card = (context.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert "no class in transformers" in card


def test_another_model_is_refused(make_inputs, tmp_path, make_context, monkeypatch):
    """As it would be, did transformers and we disagree on what a setting means: here on the rotary base."""
    from train.models.decoder import family as module

    real = module.to_hf_config

    def wrong(config, *args, **ids):
        return real(config.model_copy(update={"rope_theta": 100.0}), *args, **ids)

    monkeypatch.setattr(module, "to_hf_config", wrong)
    with pytest.raises(UserError, match=r"logits differ from ours by up to \d.*export\.tolerance=1e-04"):
        run(export(), make_context(tmp_path / "out", **make_inputs(LLAMA)))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "was ended by SIGKILL; most often memory ran out",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was ended by SIGTERM. Start again"),
        ("raise SystemExit(3)", "exit code 3 and no message"),
        ("raise MemoryError", "ran out of memory"),
        ("raise ValueError('odd weights')", "cannot load the exported folder .*odd weights"),
    ],
)
def test_a_check_that_does_not_end_well_says_why(script, told, tmp_path, monkeypatch):
    (tmp_path / "check.py").write_text(script)
    monkeypatch.setattr(parity, "SCRIPT", tmp_path / "check.py")
    probe = parity.Probe("AutoModel", [], {}, [], None, [], 0, 1)
    with pytest.raises(UserError, match=told):
        parity.reload(tmp_path, probe)
