"""The vocabulary of a tokenizer in a folder, read with the standard library alone, since the planner asks."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.formats.model_folder import read_object

PAIRS = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
"""Of GPT-2's tokenizer, in a folder without tokenizer.json."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a tokenizer."""

    ids: Mapping[str, int]
    """Of all tokens."""
    added: frozenset[str]
    """Tokens that text is not split into: control tokens, most of them."""
    merges: tuple[str, ...] | None
    """In order, each as two tokens with a space between; None where the model is no BPE."""

    byte_level: bool = False
    """Whether its tokens are made of bytes, so that every text is restored."""

    @property
    def size(self) -> int:
        return max(self.ids.values(), default=-1) + 1

    def lacking(self, tokens: Iterable[str]) -> set[str]:
        """Those of the tokens that it does not have."""
        return set(tokens) - set(self.ids)

    def difference(self, weights: "Vocabulary") -> str | None:
        """Where this tokenizer gives the weights other ids than their own does, or None. It may have further ids."""
        ours = {id: token for token, id in self.ids.items()}
        theirs = {id: token for token, id in weights.ids.items()}
        other = [id for id in sorted(theirs) if id in ours and ours[id] != theirs[id]]
        if other:
            id = other[0]
            return f"{len(other):,} ids stand for other tokens (id {id} for {ours[id]!r}, not {theirs[id]!r})"
        if missing := sorted(set(weights.ids) - set(self.ids) - weights.added):
            return f"{len(missing):,} of their tokens are missing ({missing[0]!r})"
        if None not in (self.merges, weights.merges) and self.merges != weights.merges:
            return "the same tokens are put together by other merges"
        return None


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The tokenizer in a folder; None where there is none that is read here (SentencePiece's alone is not).

    Raises:
        UserError: where its files are damaged.
    """
    try:
        if (folder / "tokenizer.json").is_file():
            return _of_tokenizer_json(folder)
        if (pair := read_pair(folder)) is not None:
            ids, merges = pair
            return _with_added(folder, ids, read_object(folder / "added_tokens.json"), tuple(merges), True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"the tokenizer in {folder} is damaged ({error!r}); fetch its files again") from None
    return None


def _of_tokenizer_json(folder: Path) -> Vocabulary:
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = values["model"]
    vocab = model["vocab"]
    # Of Unigram a list of tokens with their scores, in the order of their ids.
    ids = {row[0]: id for id, row in enumerate(vocab)} if isinstance(vocab, list) else dict(vocab)
    added = {token["content"]: token["id"] for token in values.get("added_tokens") or ()}
    merges = model.get("merges")
    if merges is not None:
        merges = tuple(pair if isinstance(pair, str) else " ".join(pair) for pair in merges)
    return _with_added(folder, ids, added, merges, decodes_bytes(values.get("decoder")))


def decodes_bytes(decoder: Mapping[str, Any] | None) -> bool:
    """Whether the decoder of a tokenizer.json makes texts of bytes."""
    if decoder is None:
        return False
    return any(part["type"] == "ByteLevel" for part in decoder.get("decoders", [decoder]))


def read_pair(folder: Path) -> tuple[dict[str, int], list[str]] | None:
    """The ids and merges of the two files that GPT-2's tokenizer consists of; None where they are not there."""
    for vocab, merges in PAIRS:
        if (folder / vocab).is_file() and (folder / merges).is_file():
            lines = (folder / merges).read_text(encoding="utf-8").split("\n")
            kept = [line for line in lines if line and not line.startswith("#version")]
            return json.loads((folder / vocab).read_text(encoding="utf-8")), kept
    return None


def _with_added(
    folder: Path,
    ids: dict[str, int],
    added: dict[str, Any],
    merges: tuple[str, ...] | None,
    byte_level: bool,
) -> Vocabulary:
    """With the tokens that transformers adds when it loads the folder."""
    settings = read_object(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
    taken = set(ids.values())
    late = {token["content"]: int(id) for id, token in settings.items() if int(id) not in taken}
    added = {**late, **added}
    return Vocabulary({**ids, **added}, frozenset(added), merges, byte_level)
