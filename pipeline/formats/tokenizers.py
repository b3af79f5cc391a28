"""The tokenizer's folder and how text becomes ids: shared by those who make it, train on it and ship it."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.foreign_code import AUTO_MAP
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.vocabulary import decodes_bytes
from pipeline.store.artifacts import read_json, write_json
from pipeline.store.file_hashes import hash_file
from pipeline.text.text_splitting import safe_cut, split_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

PIECES_AT_ONCE = 32
"""How many pieces of text `tokenizers` is given in one call: it keeps the whole answer in memory."""


def load_tokenizer(artifact: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer of a tokenizer artifact, with eos and pad tokens set.

    Raises:
        UserError: where the folder holds none, or a damaged one.
    """
    from transformers import PreTrainedTokenizerFast

    folder = artifact / TOKENIZER_FOLDER
    _tokenizer_file(folder)
    try:
        return PreTrainedTokenizerFast.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # `tokenizers` raises bare Exception
        raise UserError(f"{folder} holds a damaged tokenizer ({error}); make it again") from None


def save_tokenizer(tokenizer: "PreTrainedTokenizerBase", folder: Path, *, token_types: bool = False) -> None:
    """Save so that transformers 4 and 5 load it.

    transformers 5 writes a class name and a key for special tokens that version 4 does not read; both read
    those of version 4.

    Args:
        token_types: whether it is for a model that is told which text of a pair each token is of.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    values = json.loads(path.read_text())
    values["tokenizer_class"] = "PreTrainedTokenizerFast"
    values.pop("backend", None)
    if token_types:
        values["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    values.pop(
        AUTO_MAP, None
    )  # of a pretrained tokenizer: whoever loads this one would be asked to run its code
    special = {
        name: values[name]
        for name in (
            "bos_token",
            "eos_token",
            "unk_token",
            "sep_token",
            "pad_token",
            "cls_token",
            "mask_token",
        )
        if values.get(name) is not None
    }
    extra = values.pop("extra_special_tokens", None)
    if extra:
        values["additional_special_tokens"] = special["additional_special_tokens"] = extra
    write_json(path, values)
    write_json(folder / "special_tokens_map.json", special)


def tokenizer_hash(artifact: Path) -> str:
    """sha256 of tokenizer.json: the identity that shards and checkpoints carry."""
    return hash_file(artifact / TOKENIZER_FOLDER / "tokenizer.json")


class TextEncoder:
    """Corpus text to ids and back, by `tokenizers` alone: it loads in a moment and pickles nothing.

    Text that happens to spell a special token is encoded as the characters that it is: no document can end
    itself early or open a turn of a chat.
    """

    def __init__(self, artifact: Path):
        """Args: artifact: the tokenizer stage's folder.

        Raises:
            UserError: where it holds no readable tokenizer, or one without an eos token.
        """
        from tokenizers import Tokenizer

        folder = artifact / TOKENIZER_FOLDER
        path = _tokenizer_file(folder)
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
            settings = read_json(folder / "tokenizer_config.json", artifact)
            described = json.loads(self._tokenizer.to_str())
            self._encode = ControlTokens(described).encode_texts
            self._cut = safe_cut(described)
            self.is_byte_level: bool = decodes_bytes(described["decoder"])
            """Whether every text can be restored exactly."""
            self.vocab_size: int = max(self._tokenizer.get_vocab().values()) + 1
            eos = settings.get("eos_token")
            eos_id = (
                self._tokenizer.token_to_id(eos["content"] if isinstance(eos, dict) else eos) if eos else None
            )
        except UserError:
            raise
        except Exception as error:  # `tokenizers` raises bare Exception
            raise UserError(f"{folder} holds a damaged tokenizer ({error}); make it again") from None
        if eos_id is None:
            raise UserError(f"the tokenizer in {folder} has no eos_token; documents cannot be told apart")
        self.eos_id: int = eos_id

    def encode(self, text: str) -> np.ndarray:
        """The text's ids as uint32, without any special token."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text.

        Long texts are encoded in pieces where that cannot change the tokens. Where that is not known, for
        some pretrained tokenizers, a text is encoded whole and takes over 600 bytes of memory a token.
        """
        parts: list[list[np.ndarray]] = [[] for _ in texts]
        pieces = (
            (index, piece)
            for index, text in enumerate(texts)
            for piece in (split_text(text, self._cut) if self._cut else (text,))
        )
        while group := list(islice(pieces, PIECES_AT_ONCE)):
            encoded = self._encode([piece for _, piece in group])
            for (index, _), ids in zip(group, encoded, strict=True):
                parts[index].append(np.array(ids, dtype=np.uint32))
        # A list is emptied once it is joined: of a long text there are never more than two copies.
        return [np.concatenate(parts.pop(0)) for _ in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def token_to_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def vocabulary(self) -> dict[int, str]:
        """Each id's text, as it decodes alone (a part of a character decodes as U+FFFD)."""
        return {id: self.decode([id]) for id in self._tokenizer.get_vocab().values()}


def _tokenizer_file(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no tokenizer.json; run the tokenizer stage")
    return path
