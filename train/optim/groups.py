"""Which parameters decay, and which are the hidden matrices."""

from typing import NamedTuple, cast

from torch import nn

from train.models.experts import is_expert_stack
from train.strategies.shares import Group, whole_shape


class HiddenMatrix(NamedTuple):
    """What Muon has to know of a matrix within the layers."""

    blocks: int = 1
    """Matrices that lie side by side in it."""
    scale: float = 1.0
    """Of its steps, for one whose weights start smaller than those of others by this factor."""


def decaying(model: nn.Module) -> dict[nn.Parameter, bool]:
    """The trainable parameters, in their order, each with whether weight decay acts on it.

    It does on what has two or more dimensions (a dimension of size 1 is none), the embeddings among them, as GPT-3 and
    its successors were trained; except for biases, also those that experts hold side by side, norms, and the decay
    rates `A_log` of state-space models, which Gu and Dao (2023) leave out.
    """
    found: dict[nn.Parameter, bool] = {}
    for owner in model.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.requires_grad:
                dimensions = sum(size > 1 for size in whole_shape(parameter))
                spared = name.endswith("bias") or name == "A_log" or _is_norm(owner)
                found.setdefault(parameter, dimensions >= 2 and not spared)
    return found


def decay_groups(model: nn.Module, weight_decay: float) -> list[Group]:
    """The trainable parameters in one group with weight decay and one without."""
    groups: dict[bool, list[nn.Parameter]] = {}
    for parameter, decays in decaying(model).items():
        groups.setdefault(decays, []).append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decay else 0.0}
        for decay, parameters in groups.items()
    ]


def input_embeddings(model: nn.Module) -> set[nn.Parameter]:
    """The trainable tables that ids are looked up in and that nothing else holds: no embedding that is tied to the
    output matrix."""
    owners: dict[nn.Parameter, list[nn.Module]] = {}
    for owner in model.modules():
        for parameter in owner.parameters(recurse=False):
            owners.setdefault(parameter, []).append(owner)
    return {
        parameter
        for parameter, holding in owners.items()
        if parameter.requires_grad and all(isinstance(owner, nn.Embedding) for owner in holding)
    }


def hidden_matrices(model: nn.Module) -> dict[nn.Parameter, HiddenMatrix]:
    """Trainable matrices within the layers; stacks of experts too.

    Layers are what sits in an `nn.ModuleList`, in our models as in those of transformers; embeddings and output
    matrices sit outside.
    """
    found: dict[nn.Parameter, HiddenMatrix] = {}
    for stack in model.modules():
        if not isinstance(stack, nn.ModuleList):
            continue
        for path, owner in stack.named_modules():
            for name, parameter in owner.named_parameters(recurse=False):
                if parameter.requires_grad and _is_matrix(owner, path, name, parameter):
                    found[parameter] = _described(stack, path)
    return found


def _described(stack: nn.ModuleList, path: str) -> HiddenMatrix:
    parent, _, name = path.rpartition(".")
    if name == "c_attn":
        return HiddenMatrix(blocks=3)  # GPT-2's queries, keys and values lie side by side, [in, 3 × out].
    if name == "q" and parent.endswith(("SelfAttention", "EncDecAttention")):
        # A T5 does not divide its scores by the root of a head's size, and has queries that are smaller by it instead.
        head_size = cast(int, stack.get_submodule(parent).key_value_proj_dim)
        return HiddenMatrix(scale=head_size**-0.5)
    return HiddenMatrix()


def _is_matrix(owner: nn.Module, path: str, name: str, parameter: nn.Parameter) -> bool:
    """Whether inputs are multiplied with it: a `weight` that is no table and no norm of several heads, or experts'."""
    shape = whole_shape(parameter)
    if is_expert_stack(owner, path, shape):
        return True
    return (
        len(shape) == 2 and name == "weight" and not isinstance(owner, nn.Embedding) and not _is_norm(owner)
    )


def _is_norm(owner: nn.Module) -> bool:
    return "norm" in type(owner).__name__.lower()
