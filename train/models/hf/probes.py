"""What an architecture of `transformers` does, found by trying it on a few tokens: its config does not say."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.errors import UserError, first_line
from train.models.hf.states import KeyValueCache
from train.models.interface import LanguageModel, TrainableModel


@contextmanager
def _trying(model: TrainableModel, training: bool = False) -> Generator[torch.device]:
    """The model in this mode and without gradients; gives its device."""
    before = model.training
    model.train(training)
    with torch.no_grad():
        yield next(model.parameters()).device
    model.train(before)


def check_causal(model: LanguageModel, architecture: str) -> None:
    """Refuse a model whose tokens see those after them, as BERT's do by default: its loss would say nothing.

    Args:
        architecture: what the message calls it.

    Raises:
        UserError: for such a model.
    """
    with _trying(model) as device:
        ids = torch.tensor([[0, 1, 0, 1]], device=device)
        changed = torch.tensor([[0, 1, 0, 0]], device=device)
        change = (model(ids) - model(changed)).abs()
    # With fresh weights another token changes little, but far more than rounding does.
    if float(change[:, :-1].max()) > 1e-5 * float(change[:, -1].max()):
        raise UserError(
            f"{architecture} of transformers lets a token see those after it, so there is nothing to "
            "predict; set model.config.is_decoder=true (in a checkpoint's config.json: is_decoder), or choose a "
            "causal architecture; to learn by objective=masked, set model.reads=bidirectional"
        )


def check_reads(model: TrainableModel, architecture: str) -> None:
    """Let the model read two tokens.

    Args:
        architecture: what the message calls it.

    Raises:
        UserError: where its config lacks what it needs for that, as RoBERTa's positions need a pad token.
    """
    with _trying(model) as device:
        try:
            model(torch.tensor([[0, 1]], device=device))
        except Exception as error:  # what, differs by architecture
            raise UserError(
                f"{architecture} of transformers cannot read with this config ({first_line(error)}); set in "
                "model.config what it lacks, such as pad_token_id"
            ) from None


def check_balance(model: LanguageModel) -> None:
    """Make the balance loss once.

    Raises:
        UserError: where the architecture has none.
    """
    with _trying(model, training=True) as device:
        ids = torch.tensor([[0, 1]], device=device)
        model(ids, ids)


def makes_plain_logits(model: LanguageModel, weight: Tensor) -> bool:
    """Whether the logits are the product of the output matrix [V, H] and the final hidden states, and nothing else."""
    with _trying(model) as device:
        ids = torch.arange(6, device=device)[None] % model.vocab_size
        logits = model(ids)
        try:
            product = F.linear(model.hidden(ids), weight)
        except Exception:  # a body of another kind than most; which error that is differs by architecture
            return False
    return product.shape == logits.shape and torch.allclose(product, logits, rtol=1e-5, atol=1e-6)


def keeps_apart(model: TrainableModel) -> bool:
    """Whether documents that share a row are read as if each stood alone."""
    size = min(8, model.context // 2)
    with _trying(model) as device:
        places = torch.arange(2 * size, device=device)[None]
        ids = places % model.vocab_size
        alone, mixed = model(ids[:, size:]), model(ids)
        try:
            packed = model(ids, segments=torch.where(places < size, 0, size))
        except Exception:  # what an architecture says to a mask of its own shape differs
            return False
    # Against what the first document does to the second where nothing keeps them apart: with fresh weights,
    # that too is small.
    off, contrast = (float((logits[:, size:] - alone).abs().max()) for logits in (packed, mixed))
    return off <= 0.01 * contrast


def continues_from_a_cache(model: LanguageModel) -> bool:
    """Whether the model, with a key-value cache and beside left padding, says what it says of the whole text."""
    with _trying(model) as device:
        ids = torch.arange(8, device=device).view(2, 4) % model.vocab_size
        wanted = torch.stack([model(ids[:1])[0, -1], model(ids[1:, 2:])[0, -1]])
        state = KeyValueCache(torch.tensor([0, 2], device=device))
        try:
            model.next_logits(ids[:, :3], state)
            found = model.next_logits(ids[:, 3:], state)
        except Exception:  # what a cache that is not its own leads to differs by architecture
            found = torch.full_like(wanted, torch.inf)
    return bool((found - wanted).abs().max() <= 0.01 * (wanted[0] - wanted[1]).abs().max())
