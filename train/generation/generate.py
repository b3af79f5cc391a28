"""Texts continued by a model: greedily, sampled, or by beam search, in batches with the model's own cache."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from pipeline.config.evaluation import DecodeConfig
from pipeline.formats.control_tokens import ControlTokens
from pipeline.text.counts import counted
from train.generation.batch import Continuation, RunningBatch
from train.generation.beam import beam_search
from train.generation.stops import Decode, Stops
from train.models import WritingModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_OF_TURN = "<|end|>"

logger = logging.getLogger(__name__)


class Generated(NamedTuple):
    """A continuation."""

    text: str
    cut_off: bool
    """Whether it had not come to its end at the longest length."""


def generate(
    model: WritingModel,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
    seed: int,
    *,
    stops: Stops | None = None,
    advance: Callable[[int], None] = lambda prompts: None,
) -> list[Generated]:
    """The continuations of the prompts, without them and without special tokens.

    What is sampled depends on the seed and on a prompt's place in the list, not on the batch size.

    Args:
        prompts: token ids, as of `encode_prompts` or of a `PromptFormat`; an empty one is read as eos.
        stops: what ends a continuation before `max_new_tokens`; None takes eos and, where the vocabulary has it,
            `<|end|>`.
        advance: called with the number of prompts done since the last call.
    """
    if not prompts:
        return []
    ids = [list(prompt) or [tokenizer.eos_token_id] for prompt in prompts]
    stops = stops or _default_stops(tokenizer)
    found = generate_ids(
        model, ids, config, seed, stops, decode=partial(decode_text, tokenizer), advance=advance
    )
    _, longest = model.share_context(config.max_new_tokens)
    before = ids if model.continues_prompts else [[] for _ in ids]
    return [
        _generated(_continuation(tokenizer, prompt, new), len(new) == longest, stops)
        for prompt, new in zip(before, found, strict=True)
    ]


def _generated(text: str, is_longest: bool, stops: Stops) -> Generated:
    cut = stops.cut_text(text)
    return Generated(cut, is_longest and cut == text)


def encode_prompts(tokenizer: "PreTrainedTokenizerFast", prompts: Sequence[str]) -> list[list[int]]:
    """Texts to be continued: a special token that one spells is read as the characters that it is."""
    return ControlTokens.of(tokenizer).encode_texts(prompts)


def _default_stops(tokenizer: "PreTrainedTokenizerFast") -> Stops:
    vocabulary = tokenizer.get_vocab()
    return Stops([tokenizer.eos_token_id, *([vocabulary[END_OF_TURN]] if END_OF_TURN in vocabulary else [])])


def decode_text(tokenizer: "PreTrainedTokenizerFast", ids: Sequence[int]) -> str:
    """The ids as text, without special tokens."""
    text = tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return cast(str, text)  # of one row of ids


def _continuation(tokenizer: "PreTrainedTokenizerFast", prompt: list[int], found: list[int]) -> str:
    # Decoded alone, a first word loses the space before it in tokenizers that mark spaces on words.
    before, whole = decode_text(tokenizer, prompt), decode_text(tokenizer, prompt + found)
    return whole[len(before) :] if whole.startswith(before) else decode_text(tokenizer, found)


def generate_ids(
    model: WritingModel,
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
    seed: int,
    stops: Stops,
    *,
    decode: Decode | None = None,
    advance: Callable[[int], None] = lambda prompts: None,
) -> list[list[int]]:
    """Token ids that continue each prompt (not empty), a stop token and what follows it left out; see `generate`.

    How much of the context is the prompt's, the model says (`share_context`): a larger `max_new_tokens` is cut down to
    what is left. Of a longer prompt the end is read.

    Args:
        decode: from ids to text, where `stops` has texts; these, and what follows them, are still in the ids.
    """
    room, new_tokens = _shared(model, prompts, config)
    # Prompts of like length together: the less padding is read.
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    found: list[list[int]] = [[] for _ in prompts]
    for first in range(0, len(order), config.batch_size):
        chosen = order[first : first + config.batch_size]
        batch = [prompts[index][-room:] for index in chosen]
        if config.method == "beam":
            rows = _search(model, batch, config, new_tokens, stops, decode)
        else:
            running = RunningBatch(model, decode)
            sampling = config if config.method == "sample" else config.model_copy(update={"temperature": 0.0})
            texts = [
                Continuation(prompt, sampling, stops, new_tokens, np.random.default_rng([seed, index]))
                for index, prompt in zip(chosen, batch, strict=True)
            ]
            for text in texts:
                running.add(text)
            while running:
                running.step()
            rows = [text.ids for text in texts]
        for index, row in zip(chosen, rows, strict=True):
            found[index] = stops.cut_ids(row)
        advance(len(chosen))
    return found


def _shared(model: WritingModel, prompts: Sequence[Sequence[int]], config: DecodeConfig) -> tuple[int, int]:
    """How many tokens of a prompt are read, and how many may be written. Tells what the model's context has no room
    for."""
    room, new_tokens = model.share_context(config.max_new_tokens)
    if new_tokens < config.max_new_tokens:
        logger.warning(
            "%s asked for, and the model's context of %d leaves room for %s: texts end there at the latest",
            counted(config.max_new_tokens, "new token is", "new tokens are"),
            model.context,
            f"{new_tokens:,}",
        )
    if long := sum(len(prompt) > room for prompt in prompts):
        logger.warning(
            "%d of %s %s longer than the %s that the model's context of %d leaves beside %s, and cut",
            long,
            counted(len(prompts), "prompt"),
            "is" if long == 1 else "are",
            counted(room, "token"),
            model.context,
            counted(new_tokens, "new one"),
        )
    return room, new_tokens


@torch.inference_mode()
def _search(
    model: WritingModel,
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
    new_tokens: int,
    stops: Stops,
    decode: Decode | None,
) -> list[list[int]]:
    """The best of `config.beams` beams: up to `new_tokens` ids per prompt."""
    device = next(model.parameters()).device
    state, logits, _ = model.begin(prompts, [[] for _ in prompts], new_tokens)

    def advance(rows: Tensor, tokens: Tensor) -> Tensor:
        state.reorder(rows)
        return model.next_logits(tokens[:, None], state)

    ended = stops.watch(device, decode)
    return beam_search(logits, advance, config.beams, new_tokens, ended, stops.endings, config.length_penalty)
