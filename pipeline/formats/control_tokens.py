"""Control tokens, such as the end of a document or the marks of a chat: only a template may write them, no text."""

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROCESS = secrets.token_hex(8)
"""Drawn when the process starts, so that no text can spell a name that contains it."""


class ControlTokens:
    """Encodes text of users as the characters that it is, and control tokens only where a template writes them.

    A template works on strings, so text is quoted before it is put into one: a control token that the text
    happens to spell is replaced by a stand-in, and turned back into characters when the result is encoded.

    Control tokens are those that the tokenizer declares special. `encode_special_tokens` of `tokenizers`, which is
    `split_special_tokens` of `transformers`, is not enough: it applies to a whole string, templates included, and
    where the tokenizer's model holds a control token as an ordinary piece, as Unigram models often do, text still
    becomes that token. Here the tokens have other names, which no text spells, in the model as well.
    """

    def __init__(self, described: Mapping[str, Any], markers: Iterable[str] = ()):
        """
        Args:
            described: the content of tokenizer.json.
            markers: further added tokens that are control tokens, although the tokenizer declares them ordinary.
        """
        from tokenizers import Tokenizer

        further = set(markers)
        names: list[str] = [
            token["content"]
            for token in described["added_tokens"]
            if token["special"] or token["content"] in further
        ]
        self._hidden = {name: f"{_PROCESS}c{number}." for number, name in enumerate(names)}
        self._quoted = {name: f"{_PROCESS}q{number}." for number, name in enumerate(names)}
        self._spelled = {quoted: name for name, quoted in self._quoted.items()}
        # The longest first: of tokens that begin alike, `tokenizers` takes the longest, too.
        longest = sorted(names, key=len, reverse=True)
        name, quoted = "|".join(map(re.escape, longest)) or "(?!)", rf"{_PROCESS}q\d+\."
        self._name, self._quote, self._either = map(re.compile, (name, quoted, f"{quoted}|{name}"))
        self._backend = Tokenizer.from_str(json.dumps(_rename(described, self._hidden)))
        self.unknown_id: int | None = _unknown_id(described["model"])
        """What stands for text that the vocabulary lacks; None where there is no such token."""
        self.knows_words: bool = described["model"]["type"] in ("WordPiece", "WordLevel")
        """Whether a word that has an unknown character is unknown as a whole."""

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", markers: Iterable[str] = ()) -> "ControlTokens":
        return cls(json.loads(tokenizer.backend_tokenizer.to_str()), markers)

    def quote(self, text: str) -> str:
        """The text as it can be put into a template."""
        return self._name.sub(lambda match: self._quoted[match[0]], text)

    def unquote(self, rendered: str) -> str:
        """What a template has made of quoted texts, for a reader."""
        return self._quote.sub(lambda match: self._spelled[match[0]], rendered)

    def encode(self, rendered: Sequence[str]) -> list[list[int]]:
        """Ids of what a template has made of quoted texts."""
        written = self._spelled | self._hidden
        return self.encode_texts(
            [self._either.sub(lambda match: written[match[0]], text) for text in rendered]
        )

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts, none of which is a control token."""
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def encode_located(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """As `encode_texts`, each with where in the text its tokens begin and end, in characters."""
        encodings = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return [(encoding.ids, encoding.offsets) for encoding in encodings]


def _rename(described: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A tokenizer.json in which some tokens have other names and the same ids, and which reads texts of any length.

    A length to cut or to pad to may stand in a tokenizer's file. It was meant for one model's inputs.
    """
    added = [
        token | {"content": names.get(token["content"], token["content"])}
        for token in described["added_tokens"]
    ]
    return {
        **described,
        "added_tokens": added,
        "model": _rename_pieces(described["model"], names),
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }


def _unknown_id(model: Mapping[str, Any]) -> int | None:
    if isinstance(model["vocab"], list):  # Unigram: pairs of a piece and its score
        return model.get("unk_id")
    id: int | None = model["vocab"].get(model.get("unk_token"))
    return id


def _rename_pieces(model: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    pieces, renamed = model["vocab"], dict(model)
    if isinstance(pieces, list):  # Unigram: pairs of a piece and its score
        renamed["vocab"] = [[names.get(piece, piece), score] for piece, score in pieces]
    else:
        renamed["vocab"] = {names.get(piece, piece): id for piece, id in pieces.items()}
    if model.get("unk_token") is not None:
        renamed["unk_token"] = names.get(model["unk_token"], model["unk_token"])
    if model.get("merges"):
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
        renamed["merges"] = [
            (left, right) for left, right in pairs if not names.keys() & {left, right, left + right}
        ]
    return renamed
