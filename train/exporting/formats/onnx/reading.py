"""A graph as onnxruntime runs it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor


class OnnxForm:
    """By onnxruntime on the CPU; the folder's tokenizer is its own."""

    runs_as_stored = True

    def __init__(self, path: Path):
        self.reader = f"onnxruntime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._past = [each for each in self._session.get_inputs() if each.name.startswith("past_key_values")]

    def token_ids(self, text: str) -> list[int] | None:
        return None

    def logits(self, ids: Sequence[int]) -> Tensor:
        return torch.from_numpy(self._run(ids, self._empty())[0][0])

    def continue_greedily(self, prompt: Sequence[int], tokens: int) -> list[int]:
        written: list[int] = []
        given, cache = list(prompt), self._empty()
        while len(written) < tokens:
            logits, *cache = self._run(given, cache)
            given = [int(logits[0, -1].argmax())]
            written += given
        return written

    def _empty(self) -> list[np.ndarray[Any, Any]]:
        _, heads, _, width = self._past[0].shape
        return [np.zeros((1, heads, 0, width), np.float32) for _ in self._past]

    def _run(self, ids: Sequence[int], cache: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        past = cache[0].shape[2]
        given = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, past + len(ids)), np.int64),
            "position_ids": np.arange(past, past + len(ids))[None],
        }
        given |= {each.name: half for each, half in zip(self._past, cache, strict=True)}
        return self._session.run(None, given)
