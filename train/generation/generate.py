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
from train.generation.batch import Continuation, RunningBatch
from train.generation.beam import beam_search
from train.generation.stops import Decode, Stops
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_OF_TURN = "<|end|>"

logger = logging.getLogger(__name__)


def prompt_room(context: int, config: DecodeConfig) -> int:
    """How many tokens of a prompt are read: at least half of the context."""
    return context - _most_new_tokens(context, config)


class Generated(NamedTuple):
    """A continuation."""

    text: str
    cut_off: bool
    """Whether it had not come to its end at the longest length."""


def generate(
    model: LanguageModel,
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
    longest = _most_new_tokens(model.context, config)
    return [
        _generated(_continuation(tokenizer, prompt, new), len(new) == longest, stops)
        for prompt, new in zip(ids, found, strict=True)
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
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
    seed: int,
    stops: Stops,
    *,
    decode: Decode | None = None,
    advance: Callable[[int], None] = lambda prompts: None,
) -> list[list[int]]:
    """Token ids that continue each prompt (not empty), a stop token and what follows it left out; see `generate`.

    At least half of the context is the prompt's: a larger `max_new_tokens` is cut down to the other half. Of a longer
    prompt the end is read.

    Args:
        decode: from ids to text, where `stops` has texts; these, and what follows them, are still in the ids.
    """
    new_tokens = _new_tokens(model.context, prompts, config)
    room = model.context - new_tokens
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


def _most_new_tokens(context: int, config: DecodeConfig) -> int:
    return min(config.max_new_tokens, context - context // 2)


def _new_tokens(context: int, prompts: Sequence[Sequence[int]], config: DecodeConfig) -> int:
    """How many tokens may be generated. Tells what the model's context has no room for."""
    new_tokens, room = _most_new_tokens(context, config), prompt_room(context, config)
    if new_tokens < config.max_new_tokens:
        logger.warning(
            "max_new_tokens=%d is more than half of the model's context of %d; generating up to %d tokens",
            config.max_new_tokens,
            context,
            new_tokens,
        )
    if long := sum(len(prompt) > room for prompt in prompts):
        logger.warning(
            "%d of %d prompts are longer than the %d tokens that the model's context of %d leaves beside "
            "%d new ones, and are cut",
            long,
            len(prompts),
            room,
            context,
            new_tokens,
        )
    return new_tokens


@torch.inference_mode()
def _search(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    config: DecodeConfig,
    new_tokens: int,
    stops: Stops,
    decode: Decode | None,
) -> list[list[int]]:
    """The best of `config.beams` beams: up to `new_tokens` ids per prompt."""
    device = next(model.parameters()).device
    longest = max(map(len, prompts))
    padding = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
    # Any id serves as padding: the state knows where a row begins.
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    state = model.new_state(
        len(prompts), longest + new_tokens, padding=padding if bool(padding.any()) else None
    )

    def advance(rows: Tensor, tokens: Tensor) -> Tensor:
        state.reorder(rows)
        return model.next_logits(tokens[:, None], state)

    logits, ended = model.next_logits(ids, state), stops.watch(device, decode)
    return beam_search(logits, advance, config.beams, new_tokens, ended, stops.endings, config.length_penalty)
