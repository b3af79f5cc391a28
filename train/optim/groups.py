"""Which parameters decay, and which are the hidden matrices."""

from torch import nn

from train.zero_partitions import whole_shape


def decays(parameter: nn.Parameter) -> bool:
    """Whether weight decay acts on a parameter: on all of two or more dimensions, the embeddings among them (as GPT-3
    and its successors were trained), and not on norms and biases."""
    return len(whole_shape(parameter)) >= 2


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """The trainable parameters in one group with weight decay and one without."""
    groups: dict[bool, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault(decays(parameter), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decay else 0.0}
        for decay, parameters in groups.items()
    ]


def hidden_matrices(model: nn.Module) -> dict[nn.Parameter, int]:
    """Trainable matrices within the layers, each with the number of blocks that it is made of.

    Layers are what sits in an `nn.ModuleList`, in our models as in those of transformers;
    embeddings and output matrices sit outside.
    """
    found: dict[nn.Parameter, int] = {}
    for stack in model.modules():
        if not isinstance(stack, nn.ModuleList):
            continue
        for name, module in stack.named_modules():
            if isinstance(module, nn.Embedding):
                continue
            for parameter in module.parameters(recurse=False):
                if parameter.requires_grad and len(whole_shape(parameter)) == 2:
                    # GPT-2's queries, keys and values lie side by side in one matrix [in, 3 × out].
                    found[parameter] = 3 if name.endswith("c_attn") else 1
    return found
