"""Tokens learned from the corpus behind those of a pretrained byte-level BPE.

The base's merges come first, as before, so a text is split into the base's tokens, and what the new merges find among
them is put together. A text in which they find nothing keeps its tokens.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from data_prep.tokenizing.byte_bpe import with_long_words_cut
from data_prep.tokenizing.pretrained import read_tokenizer
from pipeline.config.tokenizers.extended import ExtendedTokenizer
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.documents import sample_texts
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import PIECES_AT_ONCE, save_tokenizer
from pipeline.formats.vocabulary import read_vocabulary
from pipeline.formats.vocabulary_extension import BASE_FOLDER, VocabularyExtension
from pipeline.text.counts import counted
from pipeline.text.text_splitting import safe_cut, split_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_FIRST = 0x10000
"""Character that stands for the base's id 0 where merges are learned; no space is among those that follow."""


@dataclass
class Merges:
    """New merges of a base's tokens, and the tokens that they make."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    """In order."""
    pieces: dict[str, list[int]] = field(default_factory=dict)
    """Of each new token the base's ids that it is made of."""


def build(config: ExtendedTokenizer, context: Context) -> "PreTrainedTokenizerFast":
    """Besides, the base and what is new beside it (`VocabularyExtension`) go into the artifact.

    Raises:
        UserError: where the base has gaps between its ids, or the text supports fewer tokens than are asked for.
    """
    assert config.path is not None  # the configuration's checks see to it
    folder = context.locate(config.path)
    original = read_vocabulary(folder)
    if original is None or original.merges is None or not original.byte_level:
        raise UserError(
            f"the tokenizer in {folder} is no byte-level BPE, whose merges can be continued; use tokenizer=pretrained"
        )
    base = read_tokenizer(folder, config.model_copy(update={"special_tokens": []}))
    save_tokenizer(base, context.folder / BASE_FOLDER / TOKENIZER_FOLDER)
    described = json.loads(base.backend_tokenizer.to_str())
    learned = _learn(config, described, context)
    tokenizer = _extended(context.folder / BASE_FOLDER / TOKENIZER_FOLDER, described, learned)
    if config.special_tokens:
        special: dict[str, Any] = {"extra_special_tokens": config.special_tokens}
        tokenizer.add_special_tokens(special, replace_extra_special_tokens=False)
    tokens = tokenizer.convert_ids_to_tokens(list(range(original.size, len(tokenizer))))
    spelled = ControlTokens(described)
    pieces = [learned.pieces.get(token) or list(spelled.encode_texts([token])[0]) for token in tokens]
    VocabularyExtension(original.size, pieces).save(context.folder)
    return tokenizer


def _learn(config: ExtendedTokenizer, described: Mapping[str, Any], context: Context) -> Merges:
    documents = context.inputs["clean"] / "documents"
    texts = list(sample_texts(documents, "train", config.sample_mb, config.parts))
    size = sum(len(text.encode()) for text in texts)
    context.log.info(
        "learning %s tokens from %.1f MB of %s",
        *(f"{config.add:,}", size / 1e6, counted(len(texts), "document")),
    )
    cut = safe_cut(described)
    pieces = (piece for text in texts for piece in (split_text(text, cut) if cut else (text,)))
    learned = learn_merges(
        described, with_long_words_cut(pieces), config.add, config.min_frequency, context.shows_bars
    )
    if (made := len(learned.pieces)) < config.add:
        remedy = (
            f"set tokenizer.add={made} or less" if made else "go on with its tokens (tokenizer=pretrained)"
        )
        raise UserError(
            f"the training text supports {made:,} new tokens and tokenizer.add asks for {config.add:,}; {remedy}, or "
            f"give it more text, or lower tokenizer.min_frequency={config.min_frequency}"
        )
    return learned


def learn_merges(
    described: Mapping[str, Any], texts: Iterable[str], count: int, min_frequency: int, show_progress: bool
) -> Merges:
    """The merges that come next for these texts, as BPE counts them: of the most frequent pair of neighbours first.

    Args:
        described: the base's tokenizer.json.
        count: of tokens; fewer where the texts do not support so many.
    """
    base = Tokenizer.from_str(json.dumps(described))
    base.encode_special_tokens = True  # what a text spells is text
    name_of = {id: token for token, id in base.get_vocab().items()}
    # To its trainer each of the base's tokens is a character, and a word what the base's splitter makes one.
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    trainer = trainers.BpeTrainer(
        # Some merges make a token that is there already: more of them are learned than are needed.
        vocab_size=len(name_of) + 2 * count + 256,
        min_frequency=min_frequency,
        initial_alphabet=[chr(_FIRST + id) for id in name_of],
        show_progress=show_progress,
    )
    learner.train_from_iterator(_words(base, texts), trainer)
    found, pairs, known = Merges(), set[tuple[str, str]](), set(name_of.values())
    for merged in json.loads(learner.to_str())["model"]["merges"]:
        pair = tuple("".join(name_of[ord(character) - _FIRST] for character in side) for side in merged)
        assert len(pair) == 2
        token = "".join(pair)
        if token not in known:
            if len(found.pieces) == count:
                break
            known.add(token)
            found.pieces[token] = [ord(character) - _FIRST for side in merged for character in side]
        if pair not in pairs:
            pairs.add(pair)
            found.pairs.append(pair)
    return found


def _words(base: Tokenizer, texts: Iterable[str]) -> Iterator[str]:
    """Of each group of texts the words of several tokens, those as characters, with spaces between."""
    left = iter(texts)
    while group := list(islice(left, PIECES_AT_ONCE)):
        words = []
        for encoding in base.encode_batch(group, add_special_tokens=False):
            for word, tokens in groupby(
                zip(encoding.word_ids, encoding.ids, strict=True), lambda each: each[0]
            ):
                ids = [id for _, id in tokens]
                if word is not None and len(ids) > 1:
                    words.append("".join(chr(_FIRST + id) for id in ids))
        yield " ".join(words)


def _extended(base: Path, described: dict[str, Any], learned: Merges) -> "PreTrainedTokenizerFast":
    """The tokenizer in a folder, with further merges and what they make."""
    from transformers import PreTrainedTokenizerFast

    model = described["model"]
    # Added tokens get their ids anew when the file is read, behind all of the model, unless the model has them.
    vocab = {**model["vocab"], **{token["content"]: token["id"] for token in described["added_tokens"]}}
    size = max(vocab.values()) + 1
    if len(vocab) != size:
        raise UserError(
            f"the base's {len(vocab):,} tokens have ids up to {size - 1:,}: there are gaps, and tokens behind them "
            "would get others' ids; use tokenizer=pretrained"
        )
    vocab |= {token: size + number for number, token in enumerate(learned.pieces)}
    model |= {"vocab": vocab, "merges": [*model["merges"], *map(list, learned.pairs)]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in base.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        return PreTrainedTokenizerFast.from_pretrained(
            folder, clean_up_tokenization_spaces=False, trust_remote_code=False
        )
