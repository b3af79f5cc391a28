"""`pretrain.init`: what may be named, what is taken from it, and what is refused before anything runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.parsing import parse_config
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.formats.tokenizers import load_tokenizer, save_tokenizer
from pipeline.formats.training_artifact import initial_files
from pipeline.plan import fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.store.artifacts import SPEC_FILE, Store, write_json
from tests.command_line import ROOT
from tests.pipeline.test_config import composed
from tests.train.hub_server import COMMIT, serving
from tests.train.written_runs import write_run
from tests.written_checkpoints import write_checkpoint
from train.checkpoints.final_model import save_model
from train.checkpoints.initial import initial_weights
from train.checkpoints.named_model import named_model
from train.memory.forecast import forecast
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config
from train.models.sizes import build_on_meta

SIZES = {"layers": 2, "hidden": 32, "heads": 4, "mlp": 64, "context": 64}


@pytest.fixture
def folder(tiny_model: Callable, tokenizer, tmp_path: Path) -> Path:
    """As `save_pretrained` writes it."""
    model = tiny_model(264)
    twin = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(model.config, 264)))
    twin.load_state_dict(model.state_dict(), strict=False)
    twin.save_pretrained(tmp_path / "tiny")
    save_tokenizer(tokenizer, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def run(tiny_model: Callable, tokenizer, tmp_path: Path) -> Path:
    """A run `base` with a finished pretraining and its checkpoints of steps 4 and 8; returns the artifact."""
    return write_run(tmp_path, tiny_model, tokenizer)


def configured(tmp_path: Path, init: Path | str, *words: str) -> RootConfig:
    (tmp_path / "notes.txt").write_text("Some text.")
    keys = ["stage=pretrain", "run.name=mine", f"corpus.paths=[{tmp_path / 'notes.txt'}]", *words]
    keys += [f"run.{name}={tmp_path / name}" for name in ("artifacts", "runs")]
    values = composed(
        "experiment=own",
        "corpus=files",
        "optim=adamw",
        *(f"++{key}" for key in [f"pretrain.init={init}", *keys]),
    )
    return parse_config(values, [word.split("=")[0] for word in words])


def checks(root: RootConfig) -> None:
    store = Store(Path(root.run.artifacts))
    Preflight(root, fingerprints(plan_stages(root, store)), store).refuse_what_will_fail()


def weights_of(root: RootConfig) -> nn.Module:
    found = initial_weights(root.pretrain)
    model = build_model(root.model, found.vocab_size)
    found.fill(model)
    return model


def same(one: nn.Module, other: nn.Module) -> bool:
    ids = torch.tensor([[9, 8, 7, 260]])
    with torch.inference_mode():
        return torch.equal(one.eval()(ids), other.eval()(ids))


def test_a_hugging_face_folder_gives_model_tokenizer_and_weights(
    tmp_path: Path, folder: Path, tiny_model: Callable
) -> None:
    root = configured(tmp_path, folder)
    assert (root.model.choice, root.model.context, root.tokenizer.pretrained_path) == (
        "decoder",
        64,
        str(folder),
    )
    assert same(weights_of(root), tiny_model(264))
    checks(root)


def test_an_architecture_that_transformers_computes(tmp_path: Path, tokenizer) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    twin = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("gpt_neox", vocab_size=264, max_position_embeddings=48, **sizes)
    )
    twin.save_pretrained(tmp_path / "neox")
    save_tokenizer(tokenizer, tmp_path / "neox")
    root = configured(tmp_path, tmp_path / "neox")
    assert (root.model.choice, root.model.context, root.model.pretrained_path) == ("hf", 48, None)
    ids = torch.tensor([[9, 8, 7]])
    with torch.inference_mode():
        assert torch.allclose(weights_of(root).eval()(ids), twin.eval()(ids).logits, atol=1e-5)
    checks(root)


def test_a_run_its_artifact_and_its_checkpoints(tmp_path: Path, run: Path, tiny_model: Callable) -> None:
    finished, fourth = tiny_model(264), tiny_model(264, seed=4)
    for init, words, expected in (
        ("base", (), finished),
        ("base/pretrain", ("pretrain.step=4",), fourth),
        (run, (), finished),
        (checkpoint_folder(run, 4), (), fourth),
        ("base", ("pretrain.with_state=true",), tiny_model(264, seed=8)),
    ):
        root = configured(tmp_path, init, *words)
        assert root.tokenizer.pretrained_path == str(run / "tokenizer")
        assert same(weights_of(root), expected), init
        checks(root)


def test_other_weights_in_the_same_place_are_another_artifact(
    tmp_path: Path, run: Path, tiny_model: Callable
) -> None:
    def print_of(root: RootConfig) -> str:
        return fingerprints(plan_stages(root, Store(Path(root.run.artifacts))))["pretrain"]

    first = print_of(configured(tmp_path, "base"))
    assert print_of(configured(tmp_path, run)) == first
    assert print_of(configured(tmp_path, "base", "pretrain.step=4")) != first
    other = tiny_model(264, seed=5)
    save_model(run, dict(other.state_dict()), other.config, 264)
    assert print_of(configured(tmp_path, "base")) != first
    names = [path.name for path in initial_files(run)]
    assert names == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("words", [(), ("pretrain.step=8",)])
def test_the_state_of_a_run_that_was_fine_tuned_is_pretraining_s(
    tmp_path: Path, run: Path, tiny_model: Callable, words: tuple[str, ...]
) -> None:
    tuned = tmp_path / "artifacts" / "finetune" / "base-2"
    tuned.mkdir(parents=True)
    model = tiny_model(264, seed=9)
    save_model(tuned, dict(model.state_dict()), model.config, 264)
    (tuned / SPEC_FILE).write_text(yaml.safe_dump({"stage": "finetune", "config": {}}))
    save_tokenizer(load_tokenizer(run), tuned / "tokenizer")
    write_checkpoint(tuned, 8, model)
    (tmp_path / "runs" / "base" / "finetune").symlink_to(tuned)
    assert same(weights_of(configured(tmp_path, "base")), model), "without state it is the model of the run"
    for init in ("base", "base/pretrain", tmp_path / "runs" / "base"):
        root = configured(tmp_path, init, "pretrain.with_state=true", *words)
        assert root.pretrain.init == str(checkpoint_folder(run, 8))
        assert root.tokenizer.pretrained_path == str(run / "tokenizer")
    with pytest.raises(UserError, match=r"is a checkpoint of the stage finetune.*RUN/pretrain and a step"):
        configured(tmp_path, "base/finetune", "pretrain.with_state=true")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pretrain.step=5"], r"no checkpoint of step 5; the nearest is step=4"),
        (["run.name=base"], "is this run itself"),
        (
            ["model.layers=3", "model.dropout=0.1"],
            r"model\.layers=3 is not their 2; leave model settings out",
        ),
        (["trainer.sequence_length=65"], r"trainer\.sequence_length=65 is longer than model\.context=64"),
    ],
)
def test_what_contradicts_the_weights_is_told(tmp_path: Path, run: Path, words: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        configured(tmp_path, "base", *words)


def test_what_is_nothing_to_start_from_is_told(tmp_path: Path, run: Path, folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"pretrain\.init=bsae: there is no model 'bsae'.*did you mean base\?"
    ):
        configured(tmp_path, "bsae")
    with pytest.raises(UserError, match="without training checkpoints; leave step out"):
        configured(tmp_path, folder, "pretrain.step=5")
    with pytest.raises(UserError, match="has no training checkpoint"):
        configured(tmp_path, folder, "pretrain.with_state=true")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="there is no tokenizer beside the weights"):
        configured(tmp_path, folder)


def test_an_extended_tokenizer_is_that_of_the_weights_with_more_rows(tmp_path: Path, run: Path) -> None:
    words = ["tokenizer.kind=extended", "tokenizer.add=30", "pretrain.new_rows_steps=2"]
    root = configured(tmp_path, "base", *words)
    assert root.tokenizer.pretrained_path == str(run / "tokenizer")
    assert root.tokenizer.expected_size() == 291
    checks(root)
    assert "291 token ids" in forecast(root, 291, None).facts["model"]


@pytest.mark.parametrize(
    ("init", "words", "told"),
    [
        ("null", ["tokenizer.kind=extended"], r"adds tokens to those of weights.*pretrain\.init=…"),
        ("base", ["tokenizer.kind=extended", "tokenizer.add=0"], r"tokenizer\.add=0"),
        ("base", ["tokenizer.kind=extended", "tokenizer.parts=[zh]"], r"names zh, no part of this corpus"),
        ("base", ["tokenizer.kind=extended", "pretrain.with_state=true"], r"has no rows for the tokens"),
        ("base", ["pretrain.new_rows_steps=2"], r"new_rows_steps=2 .* adds none; set tokenizer=extended"),
    ],
)
def test_what_contradicts_an_extension_is_told(
    tmp_path: Path, run: Path, init: str, words: list[str], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        configured(tmp_path, init, *words)


def test_a_later_training_may_read_longer_texts(tmp_path: Path, run: Path) -> None:
    scaling = "{rope_type: yarn, factor: 4, original_max_position_embeddings: 64}"
    model = configured(tmp_path, "base", "model.context=256", f"model.rope_scaling={scaling}").model
    assert isinstance(model, DecoderConfig)
    assert model.context == 256
    assert model.rope_scaling is not None
    assert model.rope_scaling.factor == 4
    assert model.rope_scaling.original_context(256) == 64


def test_dropout_is_no_matter_of_the_weights(tmp_path: Path, run: Path) -> None:
    assert configured(tmp_path, "base", "model.dropout=0.1").model.dropout == 0.1


def test_another_tokenizer_is_refused_before_it_is_trained(tmp_path: Path, run: Path) -> None:
    words = ["tokenizer.kind=bpe", "tokenizer.vocab_size=300"]
    with pytest.raises(UserError, match=r"vocab_size=300 has 300 ids; the weights .* know 264: take theirs"):
        checks(configured(tmp_path, "base", *words))


@pytest.mark.parametrize("damage", ["cut", "absent", "text"])
def test_damaged_weights_are_told_before_the_start(tmp_path: Path, folder: Path, damage: str) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    if damage == "absent":
        weights.unlink()
    else:
        weights.write_bytes(whole[:-100] if damage == "cut" else b"no weights")
    with pytest.raises(UserError, match=r"is damaged|holds no weights"):
        checks(configured(tmp_path, folder))


def test_a_classifier_is_no_language_model(tmp_path: Path, run: Path) -> None:
    write_json(run / "task.json", {"task": "classify"})
    with pytest.raises(UserError, match=r"task 'classify' and predicts no text"):
        checks(configured(tmp_path, "base"))


def test_the_state_is_of_one_optimizer_and_ends_before_the_run_does(tmp_path: Path, run: Path) -> None:
    words = ("pretrain.with_state=true", "pretrain.step=4")
    with pytest.raises(
        UserError, match=r"holds the state of optim=adamw, not of optim=muon; set optim=adamw"
    ):
        checks(configured(tmp_path, "base", *words, "optim.name=muon"))
    with pytest.raises(UserError, match=r"is of step 4, and trainer\.steps=4 counts from"):
        checks(configured(tmp_path, "base", *words, "trainer.steps=4"))


def test_settings_of_weights_need_weights() -> None:
    assert PretrainConfig(step=3, with_state=True).problems() == [
        "step=3 is for weights that exist: name them with pretrain.init=…",
        "with_state=True is for weights that exist: name them with pretrain.init=…",
    ]


def of_hub(tmp_path: Path, endpoint: str, *names: str) -> list[dict[str, Any]]:
    """What such starts come to; in a process of their own, since the hub's address is read once."""
    words = [sys.executable, "-m", "tests.train.hub_worker", str(tmp_path), *names]
    told = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"}
    found = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=os.environ | told)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def test_a_name_on_the_hub_gives_model_tokenizer_and_weights(
    tmp_path: Path, folder: Path, tiny_model: Callable
) -> None:
    with torch.inference_mode():
        expected = sum(float(parameter.double().sum()) for parameter in tiny_model(264).parameters())
    with serving("owner/name", folder) as (endpoint, asked):
        found, lacking, bare = of_hub(tmp_path, endpoint, "owner/name", "owner/other", "gpt9")
    fetched = [path.rpartition("/")[2] for path in asked]
    assert found.pop("weights") == pytest.approx(expected)
    assert found.pop("by layer") == pytest.approx(expected)
    assert "264 token ids" in found.pop("model")
    assert found == {
        "init": f"owner/name@{COMMIT}",
        "family": "decoder",
        "context": 64,
        "tokenizer": ["pretrained", 261],
    }
    assert fetched.index("tokenizer.json") < fetched.index("model.safetensors")
    assert "the Hugging Face hub has no such model" in lacking["error"]
    assert (
        "pretrain.init=gpt9 is no folder or run here, and the Hugging Face hub has no such" in bare["error"]
    )
    assert "; runs here: none in " in bare["error"]


def test_no_steps_are_for_weights_that_exist(tmp_path: Path, folder: Path) -> None:
    root = configured(tmp_path, folder, "trainer.steps=0")
    assert forecast(root, 261, None).facts["steps"] == "0"
    with pytest.raises(UserError, match=r"trainer\.steps=0 leaves the model random.*pretrain\.init=…"):
        configured(tmp_path, "null", "trainer.steps=0")
    tuned = ("finetune.task=instruct", "finetune.data.train=rows.jsonl", "finetune.trainer.steps=0")
    tuned += ("finetune.trainer.epochs=null",)
    with pytest.raises(UserError, match=r"finetune\.trainer\.steps=0 tunes nothing.*finetune\.init=…"):
        configured(tmp_path, "null", *tuned)
    assert configured(tmp_path, folder, *tuned).finetune.trainer.steps == 0


def test_the_forecast_counts_the_rows_of_the_weights(tmp_path: Path, folder: Path) -> None:
    facts = forecast(configured(tmp_path, folder), 261, None).facts
    assert facts["starts from"] == "tiny"
    assert "264 token ids" in facts["model"]


def test_weights_for_ranks_come_one_at_a_time(folder: Path, run: Path, tiny_model: Callable) -> None:
    """Those that `fill` gives at once; none where the model has another form, which `fill` then converts or refuses."""
    config = tiny_model(264).config
    for place in (folder, run, checkpoint_folder(run, 4)):
        initial = initial_weights(PretrainConfig(init=str(place)))
        model, filled = build_on_meta(config, 264), build_model(config, 264)
        initial.fill(filled)
        expected = dict(filled.named_parameters())
        for name, values in initial.weights(model):
            assert torch.equal(values, expected.pop(name))
        assert not expected
        named = named_model(str(place), "finetune.init")
        assert named.by_layer(1) is None
        empty, weights = named.by_layer(2)
        assert all(parameter.is_meta for parameter in empty.parameters())
        loaded = dict(named.load().named_parameters())
        assert [name for name, _ in weights] == list(loaded)
        assert all(torch.equal(values, loaded[name]) for name, values in weights)
    wider = build_on_meta(config.model_copy(update={"mlp": 96}), 264)
    assert initial_weights(PretrainConfig(init=str(folder))).weights(wider) is None


@pytest.mark.parametrize(
    ("init", "words", "message"),
    [
        ("null", ["pretrain.lora.rank=8"], r"pretrain\.lora adapts weights that exist: name them"),
        ("base", ["pretrain.lora.rank=8", "pretrain.with_state=true"], "leave one of the two out"),
        (
            "base",
            ["pretrain.lora.quantize=nf4", "strategy.name=fsdp"],
            "strategy=fsdp cannot spread weights of 4 bits",
        ),
        ("base", ["pretrain.lora.variant=dora", "strategy.name=zero3"], "strategy=zero3 has let go of"),
        (
            "base",
            ["pretrain.lora.targets=[c_attn]"],
            r"c_attn is no linear layer of this model; it has down_proj",
        ),
    ],
)
def test_adapters_that_cannot_be_trained(
    tmp_path: Path, run: Path, init: str, words: list, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        checks(configured(tmp_path, init, *words))


def test_the_forecast_of_adapters_counts_what_is_trained(tmp_path: Path, run: Path) -> None:
    plain, adapted, packed = (
        forecast(configured(tmp_path, "base", *words), 264, None)
        for words in ([], ["pretrain.lora.rank=2"], ["pretrain.lora.rank=2", "pretrain.lora.quantize=nf4"])
    )
    trained = 2 * 2 * (4 * (32 + 32) + 3 * (32 + 64))  # layers, rank, in + out of each target
    assert adapted.facts["adapters"] == f"{trained:,} parameters are trained"
    assert adapted.memory["gradients"] == 4 * trained
    assert adapted.memory["optimizer"] == 8 * trained
    assert adapted.memory["parameters"] == plain.memory["parameters"] + 4 * trained
    frozen = 2 * (4 * 32 * 32 + 3 * 32 * 64)
    saved = adapted.memory["parameters"] - packed.memory["parameters"]
    assert saved == pytest.approx((4 - 4.127 / 8) * frozen, rel=1e-3)
    assert adapted.disk < plain.disk


def test_without_steps_the_optimizer_is_not_asked(tmp_path: Path, tokenizer) -> None:
    """An LSTM has no matrices for Muon."""
    config = LSTMConfig(hidden=24, embedding=16, context=64)
    save_tokenizer(tokenizer, tmp_path / "lstm" / "tokenizer")
    save_model(tmp_path / "lstm", dict(build_model(config, 264).state_dict()), config, 264)
    root = configured(
        tmp_path, tmp_path / "lstm", "optim.name=muon", "trainer.tokens=null", "trainer.steps=0"
    )
    checks(root)
    assert forecast(root, 264, None).refusal is None
    root = configured(
        tmp_path, tmp_path / "lstm", "optim.name=muon", "trainer.tokens=null", "trainer.steps=1"
    )
    with pytest.raises(UserError, match="use adamw"):
        checks(root)
