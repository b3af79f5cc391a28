"""Texts that a model writes while it is trained, for a person to watch it learn."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import nn

from pipeline.config.evaluation import DecodeConfig
from train.generation.generate import generate
from train.generation.stops import Stops
from train.models import as_writing_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Sampler = Callable[[nn.Module], list[tuple[str, str]]]
"""Gives texts with what a model makes of each; called by every rank, since a model that is spread needs them all."""

SAMPLED = DecodeConfig(method="sample", max_new_tokens=48, temperature=0.8, top_p=0.95)


def sample_texts(
    model: nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[tuple[str, list[int]]],
    seed: int,
    stops: Stops | None = None,
    decode: DecodeConfig = SAMPLED,
) -> list[tuple[str, str]]:
    """(prompt, continuation) pairs; the same seed each time, so that what changes is the model. Three dots end a text
    that was not at its end.

    Args:
        model: one that writes texts.
        prompts: each as text and as token ids.
    """
    found = generate(
        as_writing_model(model), tokenizer, [ids for _, ids in prompts], decode, seed, stops=stops
    )
    return [
        (text, continuation + "…" * cut_off)
        for (text, _), (continuation, cut_off) in zip(prompts, found, strict=True)
    ]
