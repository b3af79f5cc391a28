"""How well a causal model remembers the canaries that clean has planted: their exposure (Carlini et al., 2019, "The
Secret Sharer: Evaluating and Testing Unintended Memorization in Neural Networks").
"""

import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from eval.language_model.skew_normal import SkewNormal
from eval.results import Bootstrap, Figure, Result, shown
from pipeline.config.evaluation import EvaluateConfig
from pipeline.context import Context
from pipeline.formats.canaries import Canary, CanaryFormat, check_lengths, draw_numbers, read_canaries
from pipeline.formats.tokenizers import TextEncoder
from pipeline.progress import progress
from train.models import IGNORE_INDEX, LanguageModel

EXPOSURES = "exposures.jsonl"
"""In the artifact of evaluate: each canary with its exposure."""


class Exposures(NamedTuple):
    """How far canaries stand out from all texts that they could have been."""

    values: np.ndarray
    """log2 of the number of secrets, less log2 of the canary's rank among them, float64 [N]: 0 for the last, and
    1 / ln 2 = 1.44 on average for a place at random."""
    method: str
    """How the ranks are known."""


def canary_results(
    model: LanguageModel, config: EvaluateConfig, bootstrap: Bootstrap, context: Context
) -> list[Result]:
    """The mean exposure, in bits, of the canaries of each number of repeats, and of those that were never planted; none
    where clean has planted none. Writes exposures.jsonl.

    Raises:
        UserError: where a canary is longer than the model's context.
    """
    canaries = read_canaries(context.inputs["clean"])
    if not canaries:
        return []
    encoder = TextEncoder(context.inputs["tokenizer"])
    check_lengths(canaries, encoder.encode_batch, model.context)
    rows = max(1, config.perplexity.batch_size * model.context)
    with progress("canaries", config.memorization.candidates, "texts", enabled=context.run.progress) as bar:

        def nats(texts: Sequence[str]) -> np.ndarray:
            return text_nats(model, encoder.encode_batch(texts), encoder.eos_id, rows, bar.advance)

        values, method = exposures(canaries, nats, config.memorization.candidates)
    with (context.folder / EXPOSURES).open("w", encoding="utf-8") as file:
        for canary, value in zip(canaries, values.tolist(), strict=True):
            row = {"canary": canary.id, "repeats": canary.repeats, "text": canary.text, "exposure": value}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    form = canaries[0].format
    return _results(canaries, values, f"format:{form}|secrets:{CanaryFormat(form).size}|{method}", bootstrap)


def _results(
    canaries: Sequence[Canary], values: np.ndarray, signature: str, bootstrap: Bootstrap
) -> list[Result]:
    repeats = np.array([canary.repeats for canary in canaries])
    found: list[Result] = []
    figures: dict[str, Figure] = {}
    for times in sorted(set(repeats.tolist())):
        of_group, name = values[repeats == times], f"exposure_{times}"
        mean = partial(_mean, of_group)
        found.append(bootstrap.result("pretrain", name, mean, len(of_group), signature))
        planted = (
            "never planted" if not times else "planted once" if times == 1 else f"planted {times:,} times"
        )
        figures[name] = Figure(f"Exposure of canaries {planted}, bits", better="lower")
    return shown(found, figures)


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())


def exposures(
    canaries: Sequence[Canary], nats: Callable[[Sequence[str]], np.ndarray], candidates: int
) -> Exposures:
    """Of canaries of one format.

    Where it has no more than `candidates` secrets, all are ranked. Else so many that are no canaries are drawn, and the
    distribution of their losses is taken for that of all: a skew-normal one, as in the paper, which also says how
    improbable a loss below all of theirs is.

    Args:
        nats: the model's losses, in nats, of texts.
    """
    form = CanaryFormat(canaries[0].format)
    bits = math.log2(form.size)
    numbers = [canary.number for canary in canaries]
    if form.size <= candidates:
        everything = nats([form.text(number) for number in range(form.size)])
        ranks = np.searchsorted(np.sort(everything), everything[numbers], side="right")
        return Exposures(bits - np.log2(ranks), "ranked among all")
    drawn = draw_numbers(form.size, min(candidates, form.size - len(numbers)), "candidates", numbers)
    fitted = SkewNormal.fit(nats([form.text(number) for number in drawn]))
    found = [-fitted.log2_share_below(value) for value in nats([canary.text for canary in canaries]).tolist()]
    method = f"skew-normal distribution of {len(drawn)} others"
    return Exposures(np.minimum(np.array(found), bits), method)  # no rank is before the first


def text_nats(
    model: LanguageModel,
    texts: Sequence[np.ndarray],
    eos_id: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda texts: None,
) -> np.ndarray:
    """Loss of each text as a document by itself, without its end: nats, float64 [N].

    Args:
        texts: ids.
        eos_id: what stands before a document.
        batch_tokens: that are read at once; changes the speed only.
    """
    device = next(model.parameters()).device
    found = np.zeros(len(texts))
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // len(texts[order[-1]]))
        batch = order[start : start + rows]
        start += rows
        ids = torch.full((len(batch), 1 + len(texts[batch[-1]])), IGNORE_INDEX, dtype=torch.int64)
        ids[:, 0] = eos_id
        for row, index in enumerate(batch):
            ids[row, 1 : 1 + len(texts[index])] = torch.from_numpy(texts[index].astype(np.int64))
        inputs = ids[:, :-1].clamp(min=0)
        with torch.inference_mode():
            losses = model.token_losses(inputs.to(device), ids[:, 1:].to(device))
        found[batch] = losses.double().sum(1).cpu().numpy()
        advance(len(batch))
    return found
