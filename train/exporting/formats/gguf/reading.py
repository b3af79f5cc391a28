"""A GGUF file as llama.cpp reads it, or transformers where llama.cpp is not installed."""

from collections.abc import Sequence
from importlib.metadata import version
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

GGML_TYPE_F32 = 0
"""By ggml's numbering of types, which files hold, too."""


class LlamaCppForm:
    """By cyllama, which brings llama.cpp ready to run, with a cache in fp32 as ours has it."""

    runs_as_stored = True

    def __init__(self, path: Path):
        from cyllama.llama import llama_cpp

        llama_cpp.disable_logging()
        self.reader = f"llama.cpp (cyllama {version('cyllama')})"
        self._library: Any = llama_cpp
        model: Any = llama_cpp.LlamaModel
        # `get_logits_ith` asks the model for its vocabulary's size, which it lacks (cyllama 0.2.18).
        sized = type(model.__name__, (model,), {"n_vocab": property(lambda self: self.get_vocab().n_vocab)})
        self._model: Any = sized(str(path))
        self._vocabulary: Any = self._model.get_vocab()
        settings: Any = llama_cpp.LlamaContextParams()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = CONTEXT
        settings.n_threads = settings.n_threads_batch = torch.get_num_threads()
        settings.type_k = settings.type_v = GGML_TYPE_F32
        settings.flash_attn_type = 0  # which would round keys and values to 16 bits
        self._context: Any = llama_cpp.LlamaContext(self._model, settings)

    def token_ids(self, text: str) -> list[int] | None:
        return self._vocabulary.tokenize(text, add_special=False, parse_special=True)

    def logits(self, ids: Sequence[int]) -> Tensor:
        self._context.kv_cache_clear()
        self._read(ids, 0)
        rows = [self._context.get_logits_ith(place) for place in range(len(ids))]
        return torch.tensor(rows, dtype=torch.float32)

    def continue_greedily(self, prompt: Sequence[int], tokens: int) -> list[int]:
        self._context.kv_cache_clear()
        written: list[int] = []
        given, before = list(prompt), 0
        while len(written) < tokens:
            self._read(given, before)
            before += len(given)
            written.append(int(np.argmax(self._context.get_logits_ith(-1))))
            given = written[-1:]
        return written

    def _read(self, ids: Sequence[int], before: int) -> None:
        """Give it more tokens, after `before` that it has read."""
        batch = self._library.LlamaBatch(n_tokens=len(ids), embd=0, n_seq_max=1)
        for place, token in enumerate(ids):
            batch.add(token, before + place, [0], True)
        self._context.decode(batch)


def open_gguf(path: Path, source: Path) -> Form:
    """By llama.cpp where cyllama is installed; else by transformers, which makes fp32 of it.

    Args:
        source: the folder that it was made of.
    """
    return LlamaCppForm(path) if find_spec("cyllama") is not None else read_gguf(path, source)
