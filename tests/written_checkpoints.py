"""Training checkpoints as a training writes them, of a model that a test has made."""

from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from pipeline.formats.checkpoints import Checkpoint, checkpoint_folder, complete, rank_file
from pipeline.store.file_hashes import hash_file


def write_checkpoint(
    artifact: Path,
    step: int,
    model: nn.Module,
    validation_loss: float | None = None,
    train_loss: float | None = None,
) -> None:
    """What is trained of the model, written by two ranks."""
    folder = checkpoint_folder(artifact, step)
    writing = folder.with_suffix(".writing")
    writing.mkdir(parents=True)
    weights = {name: p.detach().flatten() for name, p in model.named_parameters() if p.requires_grad}
    for rank in range(2):
        cuts = {name: (rank * len(w) // 2, (rank + 1) * len(w) // 2) for name, w in weights.items()}
        pieces = {f"weight/{n}/{start}": weights[n][start:end] for n, (start, end) in cuts.items()}
        save_file({key: piece.contiguous() for key, piece in pieces.items()}, writing / rank_file(rank))
    hashes = {rank_file(rank): hash_file(writing / rank_file(rank)) for rank in range(2)}
    complete(
        Checkpoint(folder, step, 100, validation_loss, train_loss, "ddp", 2, 0.1, step, hashes=hashes),
        writing,
    )
