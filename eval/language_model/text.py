"""A split of the corpus, or a file, as one stream of tokens, with the words and bytes of each document."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config.evaluation import PerplexityConfig
from pipeline.errors import UserError
from pipeline.formats.documents import SPLITS, read_texts, text_bytes
from pipeline.formats.text_files import read_file_texts
from pipeline.formats.tokenizers import TextEncoder
from pipeline.progress import progress
from pipeline.text.words import count_words, is_unspaced, word_name


@dataclass(frozen=True)
class TokenizedText:
    """Documents one after the other, each closed by eos, as in training."""

    tokens: np.ndarray
    """uint32 [N], mapped from a nameless file: memory stays flat, and the disk is freed with the array."""
    ends: np.ndarray
    """Where each document ends in the stream, eos included; int64 [D]."""
    words: np.ndarray
    """Words of each document, int64 [D]."""
    bytes: np.ndarray
    """UTF-8 bytes of each document's text, int64 [D]."""
    unknown: int
    """Tokens that stand for what the vocabulary lacks."""
    eos_id: int
    by_characters: bool
    """Whether most of its words are letters, since it has no spaces between words."""


def tokenize_split(
    documents: Path,
    encoder: TextEncoder,
    config: PerplexityConfig,
    scratch: Path,
    *,
    unk_id: int | None = None,
    show_progress: bool = False,
) -> TokenizedText:
    """Encode a split of the corpus: see `tokenize_texts`.

    Raises:
        UserError: where the split is empty.
    """
    total = check_split(documents, config.split)
    with progress(f"encoding {config.split}", total, "MB", 1e6, show_progress) as bar:
        return tokenize_texts(
            read_texts(documents, config.split), encoder, config, scratch, unk_id=unk_id, advance=bar.advance
        )


def tokenize_file(
    path: Path, encoder: TextEncoder, config: PerplexityConfig, scratch: Path, *, unk_id: int | None = None
) -> TokenizedText:
    """Encode the documents of a file, as they stand: see `tokenize_texts`.

    Raises:
        UserError: where the file holds no text.
    """
    return tokenize_texts(file_texts(path), encoder, config, scratch, unk_id=unk_id)


def file_texts(path: Path) -> Iterator[str]:
    """The texts of a file of `evaluate.perplexity.files`.

    Raises:
        UserError: where it holds none, or a row is none.
    """
    texts = (text for _, text in read_file_texts(path) if text.strip())
    first = next(texts, None)
    if first is None:
        raise UserError(f"{path} holds no text to score; take it out of evaluate.perplexity.files")
    yield first
    yield from texts


def refuse_same_names(files: Iterable[Path]) -> None:
    """Raises: UserError: where two of `evaluate.perplexity.files` have one name."""
    names = [file.name for file in files]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(
            f"evaluate.perplexity.files names two files {twice[0]}, by which their results are told apart; rename one"
        )


def check_split(documents: Path, split: str) -> int:
    """Bytes of the split's text.

    Raises:
        UserError: where there is none.
    """
    total = text_bytes(documents, split)
    if total == 0:
        others = [name for name in SPLITS[1:] if text_bytes(documents, name)]
        advice = f"set evaluate.perplexity.split={others[0]}, or give" if others else "give"
        raise UserError(
            f"the corpus has no {split} text to score; {advice} the corpus more text: of ten documents, or 20 kB, "
            "some is held out"
        )
    return total


def check_length(tokens: int, text: str, window: int) -> None:
    """Raises: UserError: where a text, which `text` names, has not enough tokens for one window."""
    if tokens < window:
        raise UserError(
            f"{text} has {tokens:,} tokens, less than one window of {window}; set "
            f"evaluate.perplexity.context to at most {tokens}, or score a longer text"
        )


def tokenize_texts(
    texts: Iterable[str],
    encoder: TextEncoder,
    config: PerplexityConfig,
    scratch: Path,
    *,
    unk_id: int | None = None,
    advance: Callable[[float], None] = lambda read: None,
) -> TokenizedText:
    """Encode documents, all of them or the first `max_tokens`.

    Args:
        scratch: a folder for the temporary file.
        unk_id: the token that stands for what the vocabulary lacks.
        advance: told the size of each document in bytes.
    """
    ends: list[int] = []
    words: list[int] = []
    sizes: list[int] = []
    unknown = count = characters = 0
    with tempfile.TemporaryFile(dir=scratch) as file:
        for text in texts:
            ids = np.append(encoder.encode(text), np.uint32(encoder.eos_id))
            if config.max_tokens is not None and count + len(ids) > config.max_tokens:
                ids = ids[: config.max_tokens - count]
                text = encoder.decode(ids.tolist())
            ids.astype("<u4").tofile(file)
            count += len(ids)
            ends.append(count)
            words.append(words_and_line_ends(text, config.count_line_ends))
            characters += words[-1] if is_unspaced(text) else 0
            sizes.append(len(text.encode()))
            unknown += 0 if unk_id is None else int((ids == unk_id).sum())
            advance(sizes[-1])
            if count == config.max_tokens:
                break
        file.flush()
        tokens = np.memmap(file, dtype="<u4", mode="r")
    return TokenizedText(
        tokens,
        np.array(ends),
        np.array(words),
        np.array(sizes),
        unknown,
        encoder.eos_id,
        word_name(sum(words), characters) == "character",
    )


def words_and_line_ends(text: str, count_line_ends: bool) -> int:
    """Words as `pipeline.text.words.count_words` counts them; with `count_line_ends` also one per line.

    The latter is how the literature counts WikiText and the Penn Treebank, where each line ends with an <eos>
    that the model predicts: 245,569 in WikiText-2's test set. A last line without a line break counts: eos
    ends it.
    """
    words = count_words(text)
    if count_line_ends:
        words += text.count("\n") + (not text.endswith("\n"))
    return words
