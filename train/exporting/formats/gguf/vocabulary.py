"""The tokenizer of a folder as metadata of a GGUF file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.formats.vocabulary import read_vocabulary
from train.exporting.formats.gguf.pre_tokenizer import pre_tokenizer_name

if TYPE_CHECKING:
    from gguf import GGUFWriter


def add_vocabulary(writer: "GGUFWriter", source: Path, rows: int) -> None:
    """Add tokens, merges, special tokens and chat template.

    Args:
        source: the exported folder.
        rows: of the model's embeddings: ids without a token become unused ones.
    """
    import gguf
    from transformers import AutoTokenizer

    described = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = read_vocabulary(source)
    assert vocabulary is not None  # there is a tokenizer.json
    writer.add_tokenizer_model("gpt2")  # how llama.cpp calls every byte-level BPE
    writer.add_tokenizer_pre(pre_tokenizer_name(described))
    texts = {id: text for text, id in vocabulary.ids.items()}
    control = {token["id"] for token in described.get("added_tokens") or () if token["special"]}
    tokens: list[str] = []
    types: list[gguf.TokenType] = []
    for id in range(rows):
        text = texts.get(id)
        tokens.append(f"[PAD{id}]" if text is None else text)
        added = gguf.TokenType.CONTROL if id in control else gguf.TokenType.USER_DEFINED
        types.append(
            gguf.TokenType.UNUSED
            if text is None
            else added
            if text in vocabulary.added
            else gguf.TokenType.NORMAL
        )
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(list(vocabulary.merges or ()))
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    assert tokenizer is not None
    _add_special(writer, tokenizer, _ends(source))


def _add_special(writer: "GGUFWriter", tokenizer: Any, ends: Sequence[int]) -> None:
    eos = tokenizer.eos_token_id
    bos = eos if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    writer.add_bos_token_id(bos)
    writer.add_eos_token_id(eos)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    for id in [id for id in ends if id != eos][:1]:
        writer.add_eot_token_id(id)  # ends an answer, as eos ends a document
    framed = tokenizer("a").input_ids
    writer.add_add_bos_token(framed[0] == bos)
    writer.add_add_eos_token(framed[-1] == eos)
    writer.add_add_space_prefix(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _ends(source: Path) -> list[int]:
    """The tokens that end what the model writes."""
    path = source / "generation_config.json"
    ids = json.loads(path.read_text(encoding="utf-8"))["eos_token_id"] if path.is_file() else []
    return ids if isinstance(ids, list) else [ids]
