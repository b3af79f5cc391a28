"""Every model is opened by one function: by a run's name, a folder, a checkpoint; and what is none is told."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.errors import UserError
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from train.finetuning.chat import set_chat_template
from train.generation.stops import Stops
from train.models.decoder.hf_config import to_hf_config
from train.opening.location import find_model
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
        assert torch.equal(opened.model(ids), tiny_model(len(chat_tokenizer))(ids))
    assert find_model(str(folder)).name == str(folder)


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
    with pytest.raises(UserError, match=r"there is no model 'dmeo'.*did you mean demo\?"):
        find_model("dmeo", runs=runs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"the folder .*empty holds no model"):
        find_model(str(tmp_path / "empty"), runs=runs)


def test_a_folder_of_one_model_has_no_steps(folder: Path) -> None:
    with pytest.raises(UserError, match="without training checkpoints; leave step out"):
        find_model(str(folder), 100)
