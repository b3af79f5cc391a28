"""Generation speed: our running batch against transformers' `generate`, the same weights and the same tokens.

In CPU time, which other work on the machine moves less than the clock's. For one prompt at a time a token needs every
weight once: what memory gives in that time, measured in turns with both by summing numbers, bounds them.
"""

import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.decoder import DecoderConfig
from tests.bench.table import Row
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config
from train.products import torchs_own_products

VOCAB, PROMPT, NEW = 4096, 32, 128
READ = 2**28
"""Bytes that are summed to see how fast memory is read."""


class Case(NamedTuple):
    """A model, in Llama's layout, and how often it is measured at most."""

    model: DecoderConfig
    rounds: int


CASES = [
    Case(DecoderConfig(layers=4, hidden=256, heads=4, context=512), 15),
    Case(DecoderConfig(layers=8, hidden=512, heads=8, context=512), 5),
    Case(DecoderConfig(layers=16, hidden=768, heads=12, context=512), 3),
]


def bench_generation(rounds: int) -> Iterator[Row]:
    """Tokens a second that both continue prompts by, greedily, with their key-value caches.

    Raises:
        AssertionError: where they do not write the same.
    """
    for case in CASES:
        for batch in (1, 32):
            yield _compare(case, batch, min(rounds, case.rounds))


def _compare(case: Case, batch: int, rounds: int) -> Row:
    torch.manual_seed(1)
    ours = build_model(case.model, VOCAB).eval()
    size = sum(weight.numel() for weight in ours.parameters()) / 1e6
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(case.model, VOCAB))).eval()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    ours.lay_out_for_generation()
    prompts = torch.randint(0, VOCAB, (batch, PROMPT))
    config = DecodeConfig(max_new_tokens=NEW, batch_size=batch)

    def our_tokens() -> list[list[int]]:
        return generate_ids(ours, prompts.tolist(), config, 0, Stops([]))

    def their_tokens() -> list[list[int]]:
        mask = torch.ones_like(prompts)
        options = {"do_sample": False, "max_new_tokens": NEW, "min_new_tokens": NEW, "pad_token_id": 0}
        with torchs_own_products():
            return theirs.generate(prompts, attention_mask=mask, **options)[:, PROMPT:].tolist()

    memory = torch.ones(READ // 4)
    assert our_tokens() == their_tokens()  # and both are warm
    times: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        for act, found in zip((our_tokens, their_tokens, memory.sum), times, strict=True):
            started = time.process_time()
            act()
            found.append(time.process_time() - started)
    ours_took, theirs_took, read_took = times
    rates = [batch * NEW / statistics.median(found) for found in (ours_took, theirs_took)]
    ratio = statistics.median(b / a for a, b in zip(ours_took, theirs_took, strict=True))
    speed = READ / statistics.median(read_took)
    bound = speed / (4 * (sum(map(torch.numel, theirs.parameters())) - VOCAB * case.model.hidden))
    limits = [f" ({rate / bound:.0%} of what memory gives)" if batch == 1 else "" for rate in rates]
    return (
        f"generation against transformers' `generate`, {size:.0f}M parameters, {batch} at a time"
        + (f"; memory read at {speed / 1e9:.0f} GB/s gives {bound:,.0f} tokens/s" if batch == 1 else ""),
        f"{rates[0]:,.0f} tokens/s{limits[0]}",
        f"{rates[1]:,.0f} tokens/s{limits[1]}",
        f"{ratio:.2f}×",
    )
