"""What the metrics of finetune say of examples that were too long for the model's context, for who tells of it."""

from pipeline.store.manifest import StageMetrics, figure
from pipeline.text.enumeration import enumerated

NOTABLE_SHARE = 0.1
"""Of the training examples, from which on it is a warning that they are cut."""
CUT = {
    "cut_turns": "conversations lost their first turns",
    "cut_prompts": "prompts lost their first turns or their middle",
    "cut_responses": "responses lost their end",
    "cut_examples": "pairs of answers differ only beyond the context and are left out",
}
"""What was done to training examples that are too long for the model's context, by its name in the stage's metrics."""


def describe_cut(metrics: StageMetrics, least: float = 0) -> str:
    """What was cut of the training examples, in words; empty where it was nothing.

    Args:
        metrics: of the finetune stage.
        least: share of the examples from which on a kind is told.
    """
    examples = round(figure(metrics, "examples") or 0)
    counts = {what: round(figure(metrics, name) or 0) for name, what in CUT.items()}
    told = [f"{count:,} {what}" for what, count in counts.items() if count and count >= least * examples]
    return f"of {examples:,} training examples {enumerated(told)}" if told else ""
