"""Whether weights can be pruned as a run asks for, looked at before anything starts: see `pipeline.preflight`."""

from pipeline.config.root import RootConfig
from pipeline.known import Known


def prunable(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where `pretrain.prune` cannot prune the model."""
    if (config := root.pretrain.prune) is None:
        return ""
    from train.models.sizes import build_on_meta
    from train.pruning.methods import method_of

    method_of(config).check(config, build_on_meta(root.model, root.tokenizer.expected_size() or 1))
    return config.summary()
