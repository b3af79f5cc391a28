"""Every model is opened by one function: by a run's name, a folder, a checkpoint; and what is none is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM

from eval.comparison.evaluated_run import find_run
from pipeline.config.data import DataConfig
from pipeline.config.lora import LoRAConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.formats.location import find_model
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import SPEC_FILE, write_json
from tests.command_line import ROOT
from tests.train.mixture_worker import make_inputs, pretrain
from tests.train.written_runs import write_run
from tests.written_checkpoints import write_checkpoint
from train.adapters.lora import add_adapters, merge_adapters
from train.checkpoints.final_model import load_model
from train.finetuning.base_model import base_in_folder
from train.finetuning.chat import set_chat_template
from train.generation.stops import Stops
from train.models.decoder.hf_config import to_hf_config
from train.models.wrapped import WrappedModel
from train.opening.artifact import TrainingArtifact
from train.opening.opened_model import open_model


@pytest.fixture
def folder(tiny_model, chat_tokenizer, tmp_path: Path) -> Path:
    """As `save_pretrained` writes it, of a model that chats."""
    model = tiny_model(len(chat_tokenizer))
    fields = to_hf_config(model.config, model.vocab_size, eos_token_id=0, pad_token_id=1)
    twin = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields))
    twin.load_state_dict(model.state_dict(), strict=False)
    twin.save_pretrained(tmp_path / "tiny")
    set_chat_template(chat_tokenizer)
    save_tokenizer(chat_tokenizer, tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_hugging_face_folder(folder: Path, tiny_model, chat_tokenizer) -> None:
    write_json(folder / "generation_config.json", {"eos_token_id": [0, 7], "stop_strings": ["###"]})
    opened = open_model(str(folder))
    assert opened.stops == Stops([0, 4, 7], ["###"])  # the tokenizer's eos, the template's end, and those
    assert opened.chat.conversation_ids([{"role": "user", "content": "a"}])[0] == 2
    ids = torch.tensor([[9, 8, 7]])
    with torch.inference_mode():
        torch.testing.assert_close(
            opened.model(ids), tiny_model(len(chat_tokenizer))(ids), rtol=1e-4, atol=1e-5
        )
    assert find_model(str(folder)).name == str(folder)


def test_what_is_trained_on_from_model_path_needs_that_folder_no_more(tmp_path: Path) -> None:
    inputs, folder, run = (tmp_path / name for name in ("inputs", "tiny", "run"))
    inputs.mkdir()
    make_inputs(inputs)
    sizes = {"vocab_size": 350, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16}
    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **sizes)).save_pretrained(folder)
    named = HuggingFaceConfig(path=str(folder), context=16)
    pretrain(inputs, run, DataConfig(), model=named, steps=2, validate_every=2)
    write_json(run / SPEC_FILE, {"stage": "pretrain", "input_fingerprints": {}, "config": {}})  # JSON is YAML
    folder.rename(tmp_path / "moved")
    final = load_model(run)
    assert final.vocab_size == 350, "more than the tokenizer has"
    assert str(folder) not in (run / "model/model.json").read_text()
    last = TrainingArtifact(run).load(list_checkpoints(run)[-1])
    assert all(torch.equal(last.state_dict()[name], tensor) for name, tensor in final.state_dict().items())


def test_without_a_chat_template_it_only_continues_texts(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    write_json(folder / "tokenizer_config.json", config)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    opened = open_model(str(folder))
    assert opened.form is None
    assert opened.stops == Stops([0])
    with pytest.raises(UserError, match=r"has no chat template.*it continues texts"):
        _ = opened.chat


def test_what_went_on_from_a_model_that_chats_has_its_template(tiny_model, chat_tokenizer, tmp_path) -> None:
    """As its export has: pretraining's artifact names no task, and the tokenizer brings the template."""
    artifact = write_run(tmp_path, tiny_model, chat_tokenizer)
    assert open_model(str(artifact)).form is None
    set_chat_template(chat_tokenizer)
    save_tokenizer(chat_tokenizer, artifact / "tokenizer")
    opened = open_model(str(artifact))
    assert opened.chat.template == chat_tokenizer.chat_template
    assert opened.stops == Stops([0, 4])


def test_a_pickle_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"as a pickle \(pytorch_model.bin\), and only safetensors are read"):
        open_model(str(folder))


def test_code_that_a_folder_brings_is_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    write_json(
        folder / "config.json",
        config | {"model_type": "unheard_of", "auto_map": {"AutoConfig": "evil.Config"}},
    )
    (folder / "evil.py").write_text("raise SystemExit('this ran')\n")
    with pytest.raises(UserError, match="needs Python code that it brings along"):
        open_model(str(folder))


def test_what_is_no_model_is_told_with_what_there_is(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(UserError, match=r"no run below .* has a model yet"):
        find_model(None, runs=runs)
    with pytest.raises(UserError, match=r"there is no model 'demo'.*runs here: none in"):
        find_model("demo", runs=runs)
    (runs / "demo").mkdir(parents=True)
    (runs / "demo" / "config.yaml").write_text(f"run: {{artifacts: {tmp_path / 'artifacts'}}}\n")
    (tmp_path / "语料（新）").mkdir()
    with pytest.raises(UserError, match=r"（新） holds no model: .*a Hugging Face folder; runs here: "):
        find_model(str(tmp_path / "语料（新）"), runs=tmp_path / "runs")
    (tmp_path / "语料（新）/tiny").mkdir()
    with pytest.raises(UserError, match=r"there is no model '.*; did you mean .*/语料（新）/tiny\?"):
        find_model(str(tmp_path / "语料（新）/tinny"), runs=tmp_path / "runs")
    with pytest.raises(UserError, match=r"there is no model 'dmeo'.*did you mean demo\?"):
        find_model("dmeo", runs=runs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"the folder .*empty holds no model"):
        find_model(str(tmp_path / "empty"), runs=runs)


def test_a_run_whose_artifact_is_gone_says_how_to_make_it_again(
    tmp_path: Path, tiny_model, tokenizer
) -> None:
    artifact, runs = write_run(tmp_path, tiny_model, tokenizer), tmp_path / "runs"
    run = runs / "base"
    settings = {
        "artifacts": str(tmp_path / "artifacts"),
        "command": "python -m pipeline experiment=own stage=report",
    }
    (run / "config.yaml").write_text(yaml.safe_dump({"run": settings}))
    (run / "finetune").symlink_to("../../artifacts/finetune/base-9")
    told = r"the run base has lost what finetune made, base-9: its folder is gone\. Make it again: "
    told += r'make finetune EXP=own ARGS="run\.name=base"$'
    for name in ("base", "base/finetune", str(run)):
        with pytest.raises(UserError, match=told):
            find_model(name, runs=runs)
    assert find_model("base/pretrain", runs=runs).folder == artifact
    with pytest.raises(UserError, match=r"no run below .* has a model yet"):
        find_model(None, runs=runs)
    (run / "finetune").unlink()
    artifact.rename(tmp_path / "away")
    for name in ("base", "base/pretrain"):
        with pytest.raises(UserError, match="the run base has lost what pretrain made"):
            find_model(name, runs=runs)
    (run / "pretrain").unlink()
    with pytest.raises(UserError, match=r"the run base has no model yet; make it: make pretrain EXP=own "):
        find_model("base", runs=runs)
    beat = tmp_path / "artifacts/shards/base-7.partial/ranks/rank-0.beat"
    beat.parent.mkdir(parents=True)
    beat.write_text("encode: 3 of 8")
    told = r"the run base has no pretrain yet: it is at shards now \(encode: 3 of 8\); wait for it, or see its log "
    told += "if it has ended$"
    with pytest.raises(UserError, match=told):
        find_model("base/pretrain", runs=runs)
    os.utime(beat, (0, 0))
    with pytest.raises(UserError, match="the run base has no pretrain yet; make it"):
        find_model("base/pretrain", runs=runs)
    with pytest.raises(
        UserError, match=r"the run base is not evaluated yet; do it first: make evaluate EXP=own "
    ):
        find_run("base", runs)
    (run / "evaluate").symlink_to("../../artifacts/evaluate/base-9")
    with pytest.raises(UserError, match="the run base has lost what evaluate made"):
        find_run("base", runs)


def test_a_folder_of_one_model_has_no_steps(folder: Path) -> None:
    with pytest.raises(UserError, match="without training checkpoints; leave step out"):
        find_model(str(folder), 100)


def test_a_checkpoint_of_adapters_that_were_trained_within_a_loss(folder: Path, tmp_path: Path) -> None:
    """As preference tasks train: the model is part of another, and the checkpoint holds adapters alone."""
    finetune = {"task": "dpo", "init": str(folder), "lora": {}, "data": {"train": "pairs.jsonl"}}
    artifact = tmp_path / "artifacts" / "finetune" / "run-1.partial"
    artifact.mkdir(parents=True)
    spec = {"stage": "finetune", "plugins": [], "input_fingerprints": {}}
    config = {"seed": 1, "finetune": finetune, "strategy": {"name": "single"}}
    (artifact / SPEC_FILE).write_text(yaml.safe_dump(spec | {"config": config}))
    trained = WrappedModel(base_in_folder(folder).load())
    adapted = add_adapters(trained, LoRAConfig())
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    write_checkpoint(artifact, 5, trained)

    place = find_model(str(artifact))
    assert place.checkpoint is not None
    found = TrainingArtifact(place.folder).load(place.checkpoint)
    ids = torch.tensor([[9, 8, 7]])
    with torch.inference_mode():
        expected = merge_adapters(adapted).eval().backbone(ids)
        assert torch.allclose(found(ids), expected, atol=1e-5)
        assert not torch.allclose(found(ids), base_in_folder(folder).load().eval()(ids), atol=1e-2)


def test_who_only_reads_models_does_not_wait_for_those_who_train_them() -> None:
    """Lightning and peft take seconds to import."""
    modules = "inference.sample", "eval.evaluate", "train.export", "train.finetuning.text_training"
    code = f"import sys, {', '.join(modules)}; print({{'pytorch_lightning', 'peft'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
