"""torch.compile, a part of the model at a time."""

import torch

from train.models import TrainableModel


def compile_model(model: TrainableModel, backend: str = "inductor") -> None:
    """Compile what the model names as `compiled_parts`, each in one graph, else the model as it is called.

    To be called before a strategy shards the model. Only a part's `forward` is compiled: what FSDP, ZeRO and activation
    checkpointing do before and after it stays outside of its graph, which they would break. Blocks that are alike
    share a graph, so that the time to compile does not grow with their number.
    """
    parts = list(model.compiled_parts)
    for part in parts:
        # Sizes differ in validation only, where a graph of its own is compiled.
        part.forward = torch.compile(part.forward, backend=backend, fullgraph=True, dynamic=False)
    if not parts:
        model.compile(backend=backend)
