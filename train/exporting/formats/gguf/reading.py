"""A GGUF file as llama.cpp reads it, or transformers where llama.cpp is not installed."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.exporting.formats import Form
from train.exporting.formats.transformers_form import read_gguf

CONTEXT = 512
"""Tokens that are read at once, at most: logits are kept of all of them."""


class LlamaCppForm:
    """By llama-cpp-python, with a cache in fp32 as ours has it."""

    runs_as_stored = True

    def __init__(self, path: Path):
        import llama_cpp

        self.reader = f"llama.cpp (llama-cpp-python {llama_cpp.__version__})"
        threads = torch.get_num_threads()
        self._model: Any = llama_cpp.Llama(
            str(path),
            n_ctx=CONTEXT,
            n_threads=threads,
            n_threads_batch=threads,
            logits_all=True,
            type_k=llama_cpp.GGML_TYPE_F32,
            type_v=llama_cpp.GGML_TYPE_F32,
            use_mmap=True,
            verbose=False,
        )

    def token_ids(self, text: str) -> list[int] | None:
        return self._model.tokenize(text.encode(), add_bos=False, special=True)

    def logits(self, ids: Sequence[int]) -> Tensor:
        self._model.reset()
        self._model.eval(list(ids))
        return torch.from_numpy(np.array(self._model.scores[: len(ids)], dtype=np.float32))

    def continue_greedily(self, prompt: Sequence[int], tokens: int) -> list[int]:
        self._model.reset()
        written: list[int] = []
        given = list(prompt)
        while len(written) < tokens:
            self._model.eval(given)
            written.append(int(self._model.scores[self._model.n_tokens - 1].argmax()))
            given = written[-1:]
        return written


def open_gguf(path: Path, source: Path) -> Form:
    """By llama.cpp where llama-cpp-python is installed; else by transformers, which makes fp32 of it.

    Args:
        source: the folder that it was made of.
    """
    return LlamaCppForm(path) if find_spec("llama_cpp") is not None else read_gguf(path, source)
