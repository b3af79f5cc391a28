"""What a masked language model puts into the gaps of a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = 3
"""Tokens that are told for each gap."""


def check_prompts(
    prompts: Sequence[str], tokenizer: "PreTrainedTokenizerFast"
) -> list[tuple[str, list[int]]]:
    """The prompts that hold a mask token, each with its ids in the tokenizer's frame."""
    mask = str(tokenizer.mask_token)
    chosen = [prompt for prompt in prompts if mask in prompt]
    return [(prompt, tokenizer(prompt).input_ids) for prompt in chosen]


@torch.no_grad()
def fill_masks(
    model: nn.Module, tokenizer: "PreTrainedTokenizerFast", prompts: Sequence[tuple[str, list[int]]]
) -> list[tuple[str, str]]:
    """Each prompt with the likeliest tokens for its gaps, as ` → city 31%, town 12%, river 4%`.

    Args:
        prompts: each as text and as token ids.
    """
    device = next(model.parameters()).device
    found = []
    for prompt, ids in prompts:
        row = torch.tensor([ids], device=device)
        places = (row[0] == tokenizer.mask_token_id).nonzero().T
        logits = model(row, places=places)[0].float()
        likeliest = logits.softmax(-1).topk(min(SHOWN, logits.size(-1)), dim=-1)
        gaps = []
        for shares, tokens in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True):
            words = [str(tokenizer.decode([token])).strip() for token in tokens]
            gaps.append(", ".join(f"{word} {share:.0%}" for word, share in zip(words, shares, strict=True)))
        found.append((prompt, f" → {'; '.join(gaps)}"))
    return found
