"""A model with further tokens: the rows of its embeddings, and of its output where that is not tied to them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.config.models import ModelConfig
from pipeline.formats.vocabulary_extension import VocabularyExtension
from train.models.sizes import build_on_meta


def vocabulary_axes(config: ModelConfig, vocab_size: int) -> dict[str, int]:
    """Names of the tensors of a model's state that have a row for each token, with the dimension along which.

    They are found by building the model with one token more, so this holds for any model, tied or not.
    """
    one, more = (build_on_meta(config, size).state_dict() for size in (vocab_size, vocab_size + 1))
    return {
        name: axis
        for name, tensor in one.items()
        for axis, (size, larger) in enumerate(zip(tensor.shape, more[name].shape, strict=True))
        if size != larger
    }


@torch.no_grad()
def fill_with_new_rows(
    model: nn.Module,
    base: Mapping[str, Tensor],
    axes: Mapping[str, int],
    extension: VocabularyExtension,
) -> None:
    """Give a model the weights of one that knows fewer tokens.

    The row of each new token becomes the mean of the rows of the base's tokens that spell it; all else stays as it is
    (Hewitt, 2021, takes the mean of all rows: that of the token's own pieces is nearer to what it stands for).

    Args:
        base: the other model's state.
        axes: as `vocabulary_axes` gives them.
    """
    for name, tensor in model.state_dict().items():
        known = base[name]
        if name not in axes:
            tensor.copy_(known)
            continue
        axis = axes[name]
        tensor.narrow(axis, 0, known.size(axis)).copy_(known)
        for number, pieces in enumerate(extension.pieces):
            mean = known.index_select(axis, torch.tensor(pieces)).mean(axis)
            tensor.select(axis, extension.base_size + number).copy_(mean)
