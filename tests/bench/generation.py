"""Generation speed: our running batch against transformers' `generate`, the same weights and the same tokens."""

import statistics
import time
from collections.abc import Iterator

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.evaluation import DecodeConfig
from pipeline.config.models.decoder import DecoderConfig
from tests.bench.table import Row
from train.generation.generate import generate_ids
from train.generation.stops import Stops
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config

VOCAB, PROMPT, NEW = 4096, 32, 128
MODEL = DecoderConfig(layers=4, hidden=256, heads=4, context=512)


def bench_generation(rounds: int) -> Iterator[Row]:
    """Tokens a second that both continue prompts by, greedily, with their key-value caches.

    Raises:
        AssertionError: where they do not write the same.
    """
    torch.manual_seed(1)
    ours = build_model(MODEL, VOCAB).eval()
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(MODEL, VOCAB))).eval()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    for batch in (1, 32):
        prompts = torch.randint(0, VOCAB, (batch, PROMPT))
        config = DecodeConfig(max_new_tokens=NEW, batch_size=batch)

        def our_tokens(prompts: torch.Tensor = prompts, config: DecodeConfig = config) -> list[list[int]]:
            return generate_ids(ours, prompts.tolist(), config, 0, Stops([]))

        def their_tokens(prompts: torch.Tensor = prompts) -> list[list[int]]:
            mask = torch.ones_like(prompts)
            options = {"do_sample": False, "max_new_tokens": NEW, "min_new_tokens": NEW, "pad_token_id": 0}
            return theirs.generate(prompts, attention_mask=mask, **options)[:, PROMPT:].tolist()

        assert our_tokens() == their_tokens()  # and both are warm
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            for write, found in zip((our_tokens, their_tokens), times, strict=True):
                started = time.perf_counter()
                write()
                found.append(time.perf_counter() - started)
        rates = [batch * NEW / statistics.median(found) for found in times]
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        yield (
            f"generation against transformers' `generate`, {batch} at a time",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )
