"""Measures held-out text in bytes, and what weights make of it with a tokenizer that is not the run's."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.formats.held_out import HeldOutText
from pipeline.formats.shards import TokenStream
from pipeline.formats.tokenizers import TextEncoder
from pipeline.formats.vocabulary import decodes_bytes
from pipeline.formats.vocabulary_extension import BASE_FOLDER
from train.data.batches import Examples, validation_shares
from train.models import IGNORE_INDEX, TrainableModel
from train.objectives import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

EXAMPLES_AT_ONCE = 32


def held_out_texts(
    examples: Mapping[str, Examples], limit: int | None, tokenizer: "PreTrainedTokenizerFast"
) -> dict[str, HeldOutText]:
    """How much text each part's validation sees; none where the tokenizer's tokens are not made of bytes.

    Args:
        limit: `trainer.validation_sequences`.
    """
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    if not decodes_bytes(described.get("decoder")):
        return {}
    control = {token["id"] for token in described["added_tokens"] if token["special"]}
    sizes = np.zeros(len(tokenizer), np.int64)
    for token, id in tokenizer.get_vocab().items():
        sizes[id] = 0 if id in control else len(token)  # a character for each byte
    found = {}
    for part, count in validation_shares(examples, limit).items():
        tokens = size = 0
        for start in range(0, count, EXAMPLES_AT_ONCE):
            indices = np.arange(start, min(start + EXAMPLES_AT_ONCE, count))
            labels = examples[part].collate(indices, indices)["labels"].numpy()
            labels = labels[labels != IGNORE_INDEX]
            tokens, size = tokens + len(labels), size + int(sizes[labels].sum())
        found[part] = HeldOutText(tokens, size)
    return found


@dataclass(frozen=True)
class OtherTokenizer:
    """Scores a part of the held-out text in the tokens of another tokenizer than the run's."""

    own: TextEncoder
    other: TextEncoder
    length: int
    """Of a sequence, in tokens."""
    device: torch.device

    @classmethod
    def of(cls, tokenizer: Path, length: int, on_gpu: bool) -> "OtherTokenizer":
        """The base's.

        Args:
            tokenizer: the artifact of a tokenizer that extends it.
        """
        device = torch.device("cuda", 0) if on_gpu else torch.device("cpu")
        return cls(TextEncoder(tokenizer), TextEncoder(tokenizer / BASE_FOLDER), length, device)

    def score(
        self,
        model: TrainableModel,
        objective: Objective,
        streams: Mapping[str, TokenStream],
        texts: Mapping[str, HeldOutText],
    ) -> dict[str, HeldOutText]:
        """The texts with what the model makes of them. A tokenizer to which an eos token was added that the model does
        not know leaves them as they are.

        Args:
            streams: of the parts, in the run's own tokens.
        """
        if self.other.vocab_size > model.vocab_size:
            return dict(texts)
        model.to(self.device).eval()
        return {
            part: replace(
                text, base_bits_per_byte=self._bits_per_byte(model, objective, streams[part], text.tokens)
            )
            for part, text in texts.items()
        }

    @torch.inference_mode()
    def _bits_per_byte(
        self, model: TrainableModel, objective: Objective, stream: TokenStream, tokens: int
    ) -> float:
        """Of the first `tokens` of the run's own."""
        nats, size = 0.0, 0
        ids: list[int] = []
        for text in self._texts(stream.read(0, tokens + 1)):
            size += len(text.encode())
            ids += [*self.other.encode(text).tolist(), self.other.eos_id]
        for batch in self._batches(ids):
            loss = objective.loss(model, {name: tensor.to(self.device) for name, tensor in batch.items()})
            nats += float(loss.total)
        return nats / (math.log(2) * max(size, 1))

    def _texts(self, ids: np.ndarray) -> Iterator[str]:
        """The documents that own tokens spell; the last may be cut."""
        ends = np.flatnonzero(ids == self.own.eos_id)
        for document in np.split(ids, ends):
            kept = document[document != self.own.eos_id]
            if len(kept):
                yield self.own.decode(kept.tolist())

    def _batches(self, ids: list[int]) -> Iterator[dict[str, torch.Tensor]]:
        whole = -(-(len(ids) - 1) // self.length) * self.length
        padding = [self.other.eos_id] * (whole + 1 - len(ids))
        stream = torch.tensor([*ids, *padding])
        labels = stream[1:].clone()
        labels[len(ids) - 1 :] = IGNORE_INDEX
        rows = zip(
            stream[:-1].view(-1, self.length).split(EXAMPLES_AT_ONCE),
            labels.view(-1, self.length).split(EXAMPLES_AT_ONCE),
            strict=True,
        )
        return ({"input_ids": inputs, "labels": targets} for inputs, targets in rows)
