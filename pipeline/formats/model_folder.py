"""Which files of a Hugging Face model folder are read, by what: the content of no other is anyone's concern."""

import json
from pathlib import Path
from typing import Any

TOKENIZER_FILES = (
    "tokenizer*.json",  # with tokenizer_config.json, and tokenizer.<version>.json, which the config may name
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "additional_chat_templates/*.jinja",
    "vocab.*",
    "merges.txt",
    "encoder.json",
    "*.model",  # of SentencePiece
    "tekken.json",
)
CONFIG_FILES = ("config.json", "generation_config.json", "adapter_config.json", "adapter_model.*")
MODEL_FOLDER, DESCRIPTION = "model", "model.json"
"""Of an artifact of ours: where its model is, and the file there that says how to build it."""
FORMS_FILE = "forms.json"
"""Of an export artifact: what each form is worth that the model is handed on in."""
TOKENIZER_FOLDER = "tokenizer"
"""Folder inside an artifact that `transformers.AutoTokenizer` loads."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names of the weights, in the order in which transformers looks for them; `.index.json` behind one names shards."""


def tokenizer_files(folder: Path) -> list[Path]:
    """All that a tokenizer may be made of, `config.json` aside, by which transformers chooses its class."""
    return _matching(folder, TOKENIZER_FILES)


def model_files(folder: Path) -> list[Path]:
    """The configuration, and the weights that transformers takes where there are several."""
    return [*_matching(folder, CONFIG_FILES), *weight_files(folder)]


def model_and_tokenizer_files(folder: Path) -> list[Path]:
    """All that is read of a model with its tokenizer."""
    return [*model_files(folder), *tokenizer_files(folder)]


def weight_files(folder: Path) -> list[Path]:
    """The weights that transformers takes, with the index of their shards; none where there are none."""
    named = read_object(folder / "config.json").get("transformers_weights")
    for name in [*([named] if isinstance(named, str) else []), *WEIGHTS]:
        if (folder / name).is_file() and not name.endswith(".index.json"):
            return [folder / name]
        index = folder / (name if name.endswith(".index.json") else f"{name}.index.json")
        if index.is_file():
            shards = read_object(index).get("weight_map")
            names = (
                {each for each in shards.values() if isinstance(each, str)}
                if isinstance(shards, dict)
                else set()
            )
            return [index, *(folder / each for each in sorted(names) if (folder / each).is_file())]
    return []


def wikitext_files(folder: Path) -> list[Path]:
    """The files of a WikiText folder."""
    return _matching(folder, ("wiki.*.tokens", "wiki.*.raw"))


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is absent or holds none: whoever needs it will say so."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
