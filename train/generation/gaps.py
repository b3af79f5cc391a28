"""Texts with gaps that an encoder–decoder fills, which was trained by span corruption."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.tokenizers.base import SENTINEL
from pipeline.formats.control_tokens import ControlTokens
from train.generation.generate import decode_text, generate_ids
from train.generation.stops import Stops
from train.models import as_writing_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MARK = re.compile(re.escape(SENTINEL).replace(r"\{\}", r"(\d+)"))


class Gaps:
    """Prompts that hold sentinels, `<extra_id_0>` and so on, where a text is missing."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", sentinels: Sequence[int]):
        """Args: sentinels: their token ids, in order."""
        self._tokenizer, self._sentinels = tokenizer, list(sentinels)
        self._control = ControlTokens.of(tokenizer)

    def encode(self, prompt: str) -> list[int]:
        """The prompt as the encoder was trained to read it: with one gap at its end where it has none, and eos."""
        texts, gaps = self.split(prompt)
        ids = self._control.encode_texts(texts)
        joined = list(ids[0])
        for gap, text in zip(gaps, ids[1:], strict=True):
            joined += [self._sentinels[gap], *text]
        return [*joined, self._tokenizer.eos_token_id]

    def split(self, prompt: str) -> tuple[list[str], list[int]]:
        """The texts around the gaps, and the gaps' numbers. A number that no sentinel has makes it ordinary text."""
        texts, numbers = MARK.split(prompt)[::2], [int(number) for number in MARK.findall(prompt)]
        if any(number >= len(self._sentinels) for number in numbers):
            texts, numbers = [prompt], list[int]()
        return (texts, numbers) if numbers else ([*texts, ""], [0])

    def fill(
        self, model: nn.Module, prompts: Sequence[str], decode: DecodeConfig, seed: int
    ) -> list[tuple[str, str]]:
        """Each prompt, and behind an arrow what the model writes to it."""
        stops = Stops([self._tokenizer.eos_token_id])
        found = generate_ids(as_writing_model(model), [*map(self.encode, prompts)], decode, seed, stops)
        return [(prompt, f" → {self.shown(prompt, ids)}") for prompt, ids in zip(prompts, found, strict=True)]

    def shown(self, prompt: str, ids: Sequence[int]) -> str:
        """The prompt with what the model has written for each of its gaps in brackets there.

        What it has written for other gaps is left out; where it has marked no gap at all, that is all there is to show.
        """
        written = self._by_gap(ids)
        if not written:
            return self._text(ids)
        texts, gaps = self.split(prompt)
        filled = (f"[{written.get(gap, '')}]{text}" for gap, text in zip(gaps, texts[1:], strict=True))
        return texts[0] + "".join(filled)

    def _by_gap(self, ids: Sequence[int]) -> dict[int, str]:
        """The text behind each sentinel, by its number."""
        numbers = {id: number for number, id in enumerate(self._sentinels)}
        places = [place for place, id in enumerate(ids) if id in numbers]
        return {
            numbers[ids[place]]: self._text(ids[place + 1 : end])
            for place, end in pairwise([*places, len(ids)])
        }

    def _text(self, ids: Sequence[int]) -> str:
        return decode_text(self._tokenizer, ids).strip()
