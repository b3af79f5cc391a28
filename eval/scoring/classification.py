"""What a fine-tuned classifier makes of the test texts: a row of logits for each."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from train.finetuning.text_ids import TextIds


def label_logits(
    model: torch.nn.Module,
    encoded: TextIds,
    batch_size: int,
    advance: Callable[[int], None] = lambda texts: None,
) -> np.ndarray:
    """The logits of each text or pair of texts, fp32 [N, labels].

    Args:
        model: `forward(input_ids [B, T] padded at the right, lengths [B])` gives logits [B, labels]; of pairs it is
            given token_types [B, T], too.
    """
    device = next(model.parameters()).device
    rows, types = encoded.input_ids, encoded.token_types
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    found: list[torch.Tensor] = []
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        lengths = [len(rows[index]) for index in chosen]
        inputs = {"input_ids": _padded([rows[index] for index in chosen])}
        if types is not None:
            inputs["token_types"] = _padded([types[index] for index in chosen])
        inputs["lengths"] = torch.tensor(lengths)
        with torch.no_grad():  # and no inference mode: training scores validations by this, too
            logits = model(**{name: tensor.to(device) for name, tensor in inputs.items()})
        found.append(logits.float().cpu())
        advance(len(chosen))
    sorted_logits = torch.cat(found).numpy()
    logits = np.empty_like(sorted_logits)
    logits[order] = sorted_logits
    return logits


def _padded(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """int64 [B, T], with zeros at the right."""
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True).long()
