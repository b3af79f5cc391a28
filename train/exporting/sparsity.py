"""How many of an exported model's weights are zero, where it was pruned."""

from pathlib import Path

from safetensors import safe_open

from pipeline.formats.model_folder import weight_files
from pipeline.formats.training_artifact import pruned_matrices


def exported_sparsity(folder: Path, artifact: Path) -> float | None:
    """The share of zeros among the weights that pruning looked at, counted in the files.

    Args:
        folder: the exported one.
        artifact: of the training that pruned; None is returned of one that set no weights to zero.
    """
    names = tuple(pruned_matrices(artifact))
    if not names:
        return None
    zeros = weights = 0
    for path in weight_files(folder):
        if path.suffix != ".safetensors":
            continue  # the index
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # it is no mapping
                if name.endswith(names):  # an architecture may have a prefix of its own
                    tensor = file.get_tensor(name)
                    zeros, weights = zeros + int((tensor == 0).sum()), weights + tensor.numel()
    return zeros / weights if weights else None
