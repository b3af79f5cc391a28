"""Embeddings that start as the vectors of words, from a file of word2vec."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from torch import nn

from pipeline.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

HOW = "write it with gensim's save_word2vec_format, as text or binary=True"
_LONGEST_WORD = 4096
_SIZES = (1, 1 << 31)


def read_vectors(path: Path, words: Mapping[str, int]) -> tuple[int, dict[int, np.ndarray]]:
    """Numbers per vector of a file, and the vectors of the words that are asked for, by what the words stand for.

    Text and binary are told apart by the file's first entry. Where a word comes twice, its first vector counts.

    Args:
        words: what is asked for, each with an id.

    Raises:
        UserError: where the file is none of word2vec's, damaged or cut off.
    """
    found: dict[int, np.ndarray] = {}
    for word, vector in _entries(path):
        number = words.get(word)
        if number is not None and number not in found:
            found[number] = _finite(word, vector, path)
    return vector_size(path), found


def read_all_vectors(path: Path) -> dict[str, np.ndarray]:
    """The vector of each word of a file, fp32. Raises: UserError: as `read_vectors`."""
    found: dict[str, np.ndarray] = {}
    for word, vector in _entries(path):
        if word not in found:
            found[word] = _finite(word, vector, path)
    return found


def _entries(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    try:
        with path.open("rb") as file:
            count, size = _header(file, path)
            read = _binary if _is_binary(path, size) else _text
            yield from read(file, count, size, path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file of word2vec") from None


def _finite(word: str, vector: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(vector).all():
        raise _damaged(path, f"the vector of {word!r} is not finite")
    return vector.astype(np.float32)


def vector_size(path: Path) -> int:
    """Numbers per vector, by the file's first line. Raises: UserError: as `read_vectors`."""
    try:
        with path.open("rb") as file:
            return _header(file, path)[1]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a file of word2vec") from None


def _header(file: BinaryIO, path: Path) -> tuple[int, int]:
    fields = file.readline(100).split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        raise _damaged(path, "its first line is not the number of words and of numbers per vector")
    count, size = map(int, fields)
    if not (_SIZES[0] <= size < _SIZES[1] and count):
        raise _damaged(path, f"it holds {count} words of {size} numbers")
    return count, size


def _is_binary(path: Path, size: int) -> bool:
    """Whether the first entry is no line of a word and its numbers."""
    with path.open("rb") as file:
        file.readline(100)
        fields = file.readline(_LONGEST_WORD + 32 * size).split()
    try:
        return len([float(field) for field in fields[-size:]]) != size or len(fields) <= size
    except ValueError:
        return True


def _text(file: BinaryIO, count: int, size: int, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    for number, line in enumerate(file):
        if number == count:
            return
        fields = line.decode("utf-8", "replace").rstrip().split(" ")
        try:
            # A word of phrases may hold spaces, so the numbers are counted from the end.
            yield " ".join(fields[:-size]), np.array(fields[-size:], np.float64)
        except ValueError:
            raise _damaged(path, f"its line {number + 2} is not a word and {size} numbers") from None
        if len(fields) <= size:
            raise _damaged(path, f"its line {number + 2} is not a word and {size} numbers")


def _binary(file: BinaryIO, count: int, size: int, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    for number in range(count):
        word = bytearray()
        while (byte := file.read(1)) != b" ":
            if not byte or len(word) > _LONGEST_WORD:
                raise _damaged(path, f"it ends, or has no word, at its entry {number + 1} of {count}")
            word += byte
        data = file.read(4 * size)
        if len(data) < 4 * size:
            raise _damaged(path, f"it ends within its entry {number + 1} of {count}")
        # The original program ends each entry with a line feed, gensim does not.
        yield word.lstrip(b"\n").decode("utf-8", "replace"), np.frombuffer(data, "<f4")


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"{path} is no file of word2vec's, or damaged: {why}; {HOW}")


def token_texts(tokenizer: "PreTrainedTokenizerFast") -> dict[str, int]:
    """The text of each token, without the white space around it, with its id; of equal ones the first. Control tokens
    are left out."""
    special = set(tokenizer.all_special_ids)
    texts = tokenizer.batch_decode([[id] for id in range(len(tokenizer))])
    found: dict[str, int] = {}
    for id, text in enumerate(texts):
        if id not in special and text.strip():
            found.setdefault(text.strip(), id)
    return found


@torch.no_grad()
def fill_embeddings(model: nn.Module, path: Path, words: Mapping[str, int]) -> int:
    """Let the rows of a model's embeddings start as the vectors of their words; gives how many there were.

    The vectors are scaled so that they are on average as long as the rows that were drawn: a model whose output is tied
    to its embeddings would else begin with large logits.

    Args:
        words: the text of each token, with its id.

    Raises:
        UserError: where the file is damaged, or its vectors have another width than the embeddings.
    """
    table = check_width(model, path)
    _, found = read_vectors(path, words)
    if found:
        ids = torch.tensor(list(found))
        rows = torch.from_numpy(np.stack(list(found.values())))
        length = rows.square().mean().sqrt()
        table.weight[ids] = rows * (table.weight.std() / length.clamp(min=1e-12))
    return len(found)


def check_width(model: nn.Module, path: Path) -> nn.Embedding:
    """The model's embeddings, if the vectors of a file fit them; the model may be without memory for its weights.

    Raises:
        UserError: where they do not, or the file is none of word2vec's.
    """
    table = next((module for module in model.modules() if isinstance(module, nn.Embedding)), None)
    if table is None:
        raise UserError("pretrain.vectors: this model has no table of embeddings; leave it out")
    if (size := vector_size(path)) != table.embedding_dim:
        raise UserError(
            f"pretrain.vectors={path} holds vectors of {size} numbers, and the model's embeddings have "
            f"{table.embedding_dim}; set the width of the embeddings to {size}, or name other vectors"
        )
    return table
