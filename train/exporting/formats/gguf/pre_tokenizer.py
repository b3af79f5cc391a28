"""The name under which llama.cpp splits text as a tokenizer does, before its merges are made.

llama.cpp's own converter knows pre-tokenizers by a hash of what a published tokenizer makes of a certain text, so it
refuses all that are trained anew. Here the rule itself is compared: the same pattern splits in the same way, whatever
was learned. The names and their patterns are those of `llama-vocab.cpp`.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UserError
from pipeline.text.text_splitting import LLAMA3_PATTERN, QWEN2_PATTERN

NAMES: dict[tuple[str, bool], str] = {
    ("gpt2", False): "gpt-2",
    ("digits, gpt2", False): "smollm",
    (LLAMA3_PATTERN, True): "llama-bpe",
    (LLAMA3_PATTERN, False): "smaug-bpe",
    (QWEN2_PATTERN, False): "qwen2",
}
"""By how text is split, and whether a word that is a token is taken as it is, whatever merges would make of it."""

_REMEDY = (
    "train the tokenizer with tokenizer.pattern=llama3, qwen2 or gpt2, which it knows; the texts that the model was "
    "trained on must be encoded anew, so decide on it before pretraining"
)


def pre_tokenizer_name(tokenizer: Mapping[str, Any]) -> str:
    """llama.cpp's name for how text is split.

    Args:
        tokenizer: the content of tokenizer.json.

    Raises:
        UserError: where llama.cpp has no equal one.
    """
    model = tokenizer["model"]
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise UserError(
            f"llama.cpp has no tokenizer that is equal to a trained {model['type']} one of this kind; use "
            "tokenizer=bpe with tokenizer.pattern=llama3, qwen2 or gpt2"
        )
    normalizer = tokenizer.get("normalizer")
    if normalizer is not None and normalizer["type"] != "NFC":
        raise UserError(
            f"the tokenizer changes texts first ({normalizer['type']}), which llama.cpp does not; {_REMEDY}"
        )
    name = NAMES.get((_rule(tokenizer.get("pre_tokenizer")), bool(model.get("ignore_merges"))))
    if name is None:
        raise UserError(f"llama.cpp has no pre-tokenizer that splits text as this tokenizer does; {_REMEDY}")
    return name


def _rule(splitter: Mapping[str, Any] | None) -> str:
    """How text is split, as the keys of `NAMES` have it; empty where it is none of them."""
    if splitter is None:
        return ""
    parts = splitter["pretokenizers"] if splitter["type"] == "Sequence" else [splitter]
    *before, last = parts
    if last["type"] != "ByteLevel" or last.get("add_prefix_space"):
        return ""
    match [part["type"] for part in before]:
        case []:
            return "gpt2" if last.get("use_regex", True) else ""
        case ["Digits"] if before[0]["individual_digits"] and last.get("use_regex", True):
            return "digits, gpt2"
        case ["Split"] if not last.get("use_regex", True):
            split = before[0]
            whole = split["behavior"].lower() == "isolated" and not split.get("invert")
            return split["pattern"].get("Regex", "") if whole else ""
    return ""
