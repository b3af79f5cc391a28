"""Folders of others that bring code: it is neither run nor asked about, and one message tells it."""

import ast
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import save_tokenizer
from train.finetuning.base_model import find_base_model
from train.models import build_model
from train.models.hf.checkpoint import load_checkpoint, read_config

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"vocab_size": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}
LOADERS = {"from_pretrained", "from_config"}


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that foreign code would write if it ran. Whoever asks gets a yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 100))
    return tmp_path / "ran"


def write_json(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(values | changes))


def model_folder(folder: Path, mark: Path) -> Path:
    """A small GPT-2 as `save_pretrained` writes it, beside code that leaves a mark."""
    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **FIELDS)).save_pretrained(folder)
    (folder / "code.py").write_text(f"open({str(mark)!r}, 'w')\nclass A: pass\n")
    return folder


def test_an_architecture_of_foreign_code_is_refused(
    tmp_path: Path, mark: Path, make_context: Callable
) -> None:
    folder = model_folder(tmp_path / "hf", mark)
    auto_map = {"AutoConfig": "code.A", "AutoModelForCausalLM": "code.A"}
    write_json(folder / "config.json", model_type="another", auto_map=auto_map)
    with pytest.raises(UserError, match=r"^model.path=.*/hf needs Python code .* code of others is not run"):
        read_config(HuggingFaceConfig(path=str(folder)), 64)
    with pytest.raises(UserError, match=r"^finetune.init=.*/hf needs Python code that it brings"):
        find_base_model(str(folder), make_context(tmp_path / "out"))
    assert not mark.exists()


def test_foreign_code_beside_a_known_architecture_is_left_alone(tmp_path: Path, mark: Path) -> None:
    folder = model_folder(tmp_path / "hf", mark)
    write_json(folder / "config.json", auto_map={"AutoConfig": "code.A", "AutoModelForCausalLM": "code.A"})
    model = build_model(HuggingFaceConfig(path=str(folder), context=32), 64)
    model.model.save_pretrained(tmp_path / "saved")
    assert "auto_map" not in json.loads((tmp_path / "saved" / "config.json").read_text())
    assert not mark.exists()


def test_classes_that_settings_name_are_not_fetched(mark: Path) -> None:
    fields = {"model_type": "vit", "auto_map": {"AutoModelForCausalLM": "somebody/something--code.A"}}
    with pytest.raises(UserError, match="'vit' is no causal language model"):
        build_model(HuggingFaceConfig(config=fields), 64)


def test_attention_kernels_of_others_are_refused(tmp_path: Path, mark: Path) -> None:
    folder = model_folder(tmp_path / "hf", mark)
    write_json(folder / "config.json", attn_implementation="somebody/attention")
    with pytest.raises(UserError, match="attention kernel 'somebody/attention'"):
        read_config(HuggingFaceConfig(path=str(folder)), 64)


def test_a_tokenizer_of_foreign_code_is_refused(tmp_path: Path, mark: Path, make_context: Callable) -> None:
    folder = model_folder(tmp_path / "hf", mark)
    write_json(
        folder / "config.json", model_type="bloom"
    )  # for which transformers has no tokenizer of its own
    settings = {"tokenizer_class": "A", "auto_map": {"AutoTokenizer": ["code.A", None]}}
    write_json(folder / "tokenizer_config.json", **settings)
    with pytest.raises(
        UserError, match=r"^the tokenizer in finetune.init=.*/hf needs Python code that it brings"
    ):
        find_base_model(str(folder), make_context(tmp_path / "out"))
    assert not mark.exists()


def test_a_brought_tokenizers_code_is_not_named_in_what_is_saved(tmp_path: Path, tokenizer) -> None:
    """Else whoever loads the exported folder would be asked to run it."""
    tokenizer.save_pretrained(tmp_path / "brought")
    write_json(tmp_path / "brought" / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "code.A"]})
    brought = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "brought")
    save_tokenizer(brought, tmp_path / "saved")
    assert "auto_map" not in json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path):
        self._mark = mark

    def __reduce__(self) -> tuple:
        return (open, (str(self._mark), "w"))


def test_pickles_of_tensors_are_read_and_others_are_refused(tmp_path: Path, mark: Path) -> None:
    folder = model_folder(tmp_path / "hf", mark)
    weights = load_checkpoint(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    for name, tensor in load_checkpoint(folder).state_dict().items():
        assert torch.equal(tensor, weights[name])
    torch.save(weights | {"more": Harmful(mark)}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"holds weights as a pickle .* nothing of it was run"):
        load_checkpoint(folder)
    (folder / "pytorch_model.bin").write_bytes(b"no pickle at all")
    with pytest.raises(UserError, match=r"holds weights as a pickle"):
        load_checkpoint(folder)
    assert not mark.exists()


def test_all_that_loads_a_folder_says_that_its_code_is_not_to_be_run() -> None:
    calls = [
        (f"{path.relative_to(ROOT)}:{node.lineno}", {k.arg: ast.unparse(k.value) for k in node.keywords})
        for package in ("pipeline", "data_prep", "train", "eval")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOADERS
    ]
    assert len(calls) >= 9
    assert [place for place, keywords in calls if keywords.get("trust_remote_code") != "False"] == []
