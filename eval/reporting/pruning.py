"""What the report says of a model that was pruned."""

from pipeline.store.manifest import StageMetrics, figure, words


def describe_pruning(metrics: StageMetrics) -> str:
    """How, how much, and what it cost before and after recovery; empty where nothing was pruned.

    Args:
        metrics: of the pretrain stage.
    """
    if not (summary := words(metrics, "pruning")):
        return ""
    said = [f"Pruned by {summary}"]
    if (sparsity := figure(metrics, "sparsity")) is not None:
        said.append(f"in the trained weights {sparsity:.1%} of those of linear layers are zero")
    if dropped := words(metrics, "dropped_layers"):
        said.append(f"taken out were layers {dropped}, counted from 0")
    for name, title in (("perplexity", "perplexity"), ("validation_loss", "loss")):
        now = figure(metrics, "validation_perplexity" if name == "perplexity" else name)
        before, after = (figure(metrics, f"{name}_{when}_pruning") for when in ("before", "after"))
        if before is not None and after is not None:
            recovered = (
                "" if now is None else f", {now:,.4g} after {figure(metrics, 'steps'):,.0f} steps of recovery"
            )
            said.append(f"validation {title} {before:,.4g} before, {after:,.4g} after pruning{recovered}")
            break
    return "; ".join(said) + "."
