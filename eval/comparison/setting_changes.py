"""The settings that two runs were made with otherwise."""

from collections.abc import Sequence

from eval.comparison.evaluated_run import EvaluatedRun
from pipeline.config.differences import Change, changes


def setting_changes(first: EvaluatedRun, second: EvaluatedRun) -> tuple[Sequence[Change], str]:
    """Those of the sections that both have, where one has no corpus; and what is to be said of that, or nothing."""
    ours, theirs = first.settings, second.settings
    for run, other in ((first, second), (second, first)):
        init = (run.settings.get("finetune") or {}).get("init")
        if init and "corpus" not in run.settings and "corpus" in other.settings:
            common = ours.keys() & theirs.keys()
            found = changes(
                {name: value for name, value in ours.items() if name in common},
                {name: value for name, value in theirs.items() if name in common},
            )
            return found, (
                f"{run.name} has no corpus and no pretraining of its own: it was fine-tuned from finetune.init={init}. "
                "So it has none of their settings, and what can be compared is what both were measured on: the same "
                "files (evaluate.perplexity.files) and benchmarks"
            )
    return changes(ours, theirs), ""
