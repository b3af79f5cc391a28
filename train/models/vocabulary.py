"""Whether a tokenizer is the one that pretrained weights know: of another one each id is a random word to them.

Read with the standard library alone, since the planner asks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import read_object
from pipeline.formats.tokenizers import TOKENIZER_FOLDER
from pipeline.preflight import Known, NotYet
from pipeline.remote.listing import is_remote

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

    @property
    def size(self) -> int:
        return max(self.ids.values(), default=-1) + 1

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


def tokenizer_of_the_weights(root: RootConfig, known: Known) -> str:
    """A check of `pipeline.preflight`: where `model.path` names pretrained weights, the tokenizer must be theirs.

    Raises:
        UserError: where it has more ids than the weights have rows, or other ones than the tokenizer beside them.
        NotYet: where the tokenizer is still to be made.
    """
    path = root.model.pretrained_path
    if path is None or is_remote(path):
        return ""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return ""  # a name on the hub; of a folder that is not there the stage's own message tells
    rows, weights = _rows(folder), read_vocabulary(folder)
    settings = root.tokenizer
    if settings.kind == "pretrained" and not is_remote(settings.path):
        what = f"the tokenizer in tokenizer.path={settings.path}"
        tokenizer = read_vocabulary(known.locate(settings.path))
        if tokenizer is None:
            return _built(root, known, weights, rows)
        lacking = len(set(settings.special_tokens) - set(tokenizer.ids))
        _check_size(tokenizer.size, lacking, rows, what, root)
        _check_ids(tokenizer, weights, what, root)
        return _words(weights)
    if settings.kind != "pretrained":
        _check_size(
            settings.vocab_size, 0, rows, f"a tokenizer of tokenizer.vocab_size={settings.vocab_size}", root
        )
    return _built(root, known, weights, rows)


def _built(root: RootConfig, known: Known, weights: Vocabulary | None, rows: int | None) -> str:
    """The same of the tokenizer as its stage has made it."""
    tokenizer = read_vocabulary(known.folder("tokenizer") / TOKENIZER_FOLDER)
    if tokenizer is None:
        raise NotYet("in the stage itself: the tokenizer has no tokenizer.json")
    what = f"the tokenizer that tokenizer.kind={root.tokenizer.kind} has made"
    _check_size(tokenizer.size, 0, rows, what, root)
    _check_ids(tokenizer, weights, what, root)
    return _words(weights)


def _words(weights: Vocabulary | None) -> str:
    return "it is theirs" if weights else "the folder of the weights has no tokenizer to compare it with"


def _check_size(size: int, added: int, rows: int | None, what: str, root: RootConfig) -> None:
    if rows is None or size + added <= rows:
        return
    with_added = f" and {added} of tokenizer.special_tokens, which it lacks" if added else ""
    remedy = "set tokenizer.special_tokens=[]" if size <= rows else _remedy(root)
    raise UserError(
        f"{what} has {size:,} ids{with_added}; the weights in model.path={root.model.path} know {rows:,}: {remedy}"
    )


def _check_ids(tokenizer: Vocabulary, weights: Vocabulary | None, what: str, root: RootConfig) -> None:
    if weights and (difference := tokenizer.difference(weights)):
        raise UserError(
            f"{what} is not that of the weights in model.path={root.model.path}, to which its ids would be random "
            f"words: {difference}. So {_remedy(root)}"
        )


def _remedy(root: RootConfig) -> str:
    has_one = read_vocabulary(Path(root.model.path).expanduser()) is not None
    path = root.model.path if has_one else "…"
    return (
        f"take theirs (tokenizer=pretrained tokenizer.path={path}), or train from random weights (model.config in "
        "place of model.path)"
    )


def _rows(folder: Path) -> int | None:
    """Token embeddings by config.json; None where it does not say."""
    fields = read_object(folder / "config.json")
    text = fields.get("text_config")
    size = fields.get("vocab_size", text.get("vocab_size") if isinstance(text, dict) else None)
    return size if isinstance(size, int) else None


def read_vocabulary(folder: Path) -> Vocabulary | None:
    """The tokenizer in a folder; None where there is none that is read here (SentencePiece's alone is not).

    Raises:
        UserError: where its files are damaged.
    """
    try:
        if (folder / "tokenizer.json").is_file():
            return _of_tokenizer_json(folder)
        for vocab, merges in PAIRS:
            if (folder / vocab).is_file() and (folder / merges).is_file():
                return _of_pair(folder, folder / vocab, folder / merges)
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
    return _with_added(folder, ids, added, merges)


def _of_pair(folder: Path, vocab: Path, merges: Path) -> Vocabulary:
    lines = merges.read_text(encoding="utf-8").split("\n")
    kept = tuple(line for line in lines if line and not line.startswith("#version"))
    added = read_object(folder / "added_tokens.json")
    return _with_added(folder, json.loads(vocab.read_text(encoding="utf-8")), added, kept)


def _with_added(
    folder: Path, ids: dict[str, int], added: dict[str, Any], merges: tuple[str, ...] | None
) -> Vocabulary:
    """With the tokens that transformers adds when it loads the folder."""
    settings = read_object(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
    taken = set(ids.values())
    late = {token["content"]: int(id) for id, token in settings.items() if int(id) not in taken}
    added = {**late, **added}
    return Vocabulary({**ids, **added}, frozenset(added), merges)
