"""Counts what torch.compile captures under each strategy, with and without recomputed activations, in one process.

One line of JSON per case: graph breaks, graphs, and how far the weights are from
those that the same steps arrive at without compiling.
"""

import json
from collections.abc import Iterable
from itertools import product

import torch
from torch._dynamo.utils import counters

from pipeline.config.models.decoder import DecoderConfig
from tests.distributed.small_run import SIZES, VOCAB, small_run
from train.compiling import compile_model
from train.models import build_model

STRATEGIES = ("single", "ddp", "fsdp", "zero1", "zero2", "zero3")
BACKEND = "aot_eager"
"""Traces backward passes too; what inductor makes of a graph is torch's matter."""


def train(strategy: str, recompute: bool, compiled: bool) -> dict[str, torch.Tensor]:
    """The weights after two steps."""
    torch.manual_seed(0)
    model = build_model(DecoderConfig(layout="llama", **SIZES), VOCAB)
    model.gradient_checkpointing = recompute
    if compiled:
        compile_model(model, BACKEND)
    module = small_run(strategy, "adamw", model, 1, compile=compiled)
    pieces = [piece for piece in module.training_state().held() if piece.kind == "weight"]
    return {piece.name: piece.tensor.clone() for piece in pieces}


def cases() -> Iterable[tuple[str, bool]]:
    return product(STRATEGIES, (False, True))


def main() -> None:
    torch.set_num_threads(1)
    expected = train("single", False, False)
    for strategy, recompute in cases():
        torch.compiler.reset()
        counters.clear()
        found = train(strategy, recompute, True)
        told = {
            "case": f"{strategy} {recompute}",
            "breaks": sum(counters["graph_break"].values()),
            "graphs": counters["stats"]["unique_graphs"],
            "apart": max(float((found[name] - weight).abs().max()) for name, weight in expected.items()),
        }
        print("\n" + json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
