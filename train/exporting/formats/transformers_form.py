"""A form of the model that transformers reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor


class TransformersForm:
    """A model of transformers."""

    def __init__(self, model: Any, reader: str, *, tokenizer: Any = None, runs_as_stored: bool = True):
        """Args: tokenizer: the form's own; None where it has none."""
        self.reader, self.runs_as_stored = reader, runs_as_stored
        self._model, self._tokenizer = model, tokenizer

    def token_ids(self, text: str) -> list[int] | None:
        if self._tokenizer is None:
            return None
        return self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        return self._model(torch.tensor([list(ids)])).logits[0].float()

    @torch.inference_mode()
    def continue_greedily(self, prompt: Sequence[int], tokens: int) -> list[int]:
        ids, cache = torch.tensor([list(prompt)]), None
        written: list[int] = []
        for _ in range(tokens):
            given = self._model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = given.past_key_values
            ids = given.logits[:, -1].argmax(-1, keepdim=True)
            written.append(int(ids))
        return written


def read_folder(folder: Path) -> TransformersForm:
    """An exported folder as it is."""
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
    tokenizer: Any = None
    if (folder / "tokenizer.json").is_file():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    return TransformersForm(model.eval(), _version(), tokenizer=tokenizer)


def read_gguf(path: Path, source: Path) -> TransformersForm:
    """A GGUF file, made fp32. Of its tokenizer transformers makes one by rules of its own, which tell nothing of
    llama.cpp, so it has none here.

    Args:
        source: the folder whose config.json is taken: of what the file says of the architecture transformers does not
            know all, such as the context of GPT-2 and the head size of Qwen3.
    """
    settings = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, config=settings, dtype=torch.float32, trust_remote_code=False
    )
    return TransformersForm(model.eval(), _version(), runs_as_stored=False)


def _version() -> str:
    return f"transformers {transformers.__version__}"
