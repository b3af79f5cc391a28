"""The settings that two runs were made with otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.comparison.evaluated_run import EvaluatedRun
from pipeline.config.differences import Change, changes
from pipeline.stages import STAGES
from pipeline.text.enumeration import enumerated

MADE_BY = {
    "download": "corpus",
    "clean": "corpus",
    "tokenizer": "pretraining",
    "shards": "pretraining",
    "pretrain": "pretraining",
    "finetune": "fine-tuning",
}
"""What a run lacks without one of these stages; of others their own name tells it."""


@dataclass(frozen=True)
class SettingChanges:
    """What differs in the stages that both runs have."""

    changes: Sequence[Change]
    notes: Sequence[str]
    """What one of the runs lacks, a sentence each."""

    @property
    def heading(self) -> str:
        """What the list of changes is, or that there are none."""
        if self.changes:
            return f"settings that differ{' in what both have' if self.notes else ''}"
        return f"all settings{' of what both have' if self.notes else ''} are the same"

    @property
    def lead(self) -> str:
        """What stands above the list on a page whose heading says already that it is of settings that differ."""
        if self.changes:
            return " ".join([*self.notes, "What differs in what both have:"] if self.notes else [])
        return " ".join([*self.notes, f"{self.heading.capitalize()}."])


def setting_changes(first: EvaluatedRun, second: EvaluatedRun) -> SettingChanges | None:
    """None where nothing tells a run's settings."""
    if not (first.settings() and second.settings()):
        return None
    ours, theirs = first.stages.keys(), second.stages.keys()
    common = [name for name in STAGES if name in ours and name in theirs]
    found = changes(first.settings(common), second.settings(common))
    notes = [
        f"{run.name} has {enumerated([f'no {name}' for name in lacking])}{_reason(run, lacking)}."
        for run, other in ((first, second), (second, first))
        if (lacking := _lacking(run, other))
    ]
    return SettingChanges(found, notes)


def _lacking(run: EvaluatedRun, other: EvaluatedRun) -> list[str]:
    """What the other run has, in words."""
    names = (name for name in STAGES if name in other.stages and name not in run.stages)
    return list(dict.fromkeys(MADE_BY.get(name, name) for name in names))


def _reason(run: EvaluatedRun, lacking: Sequence[str]) -> str:
    """Why a run has no pretraining, and what can be compared nonetheless; empty where it is not that."""
    init = (run.settings().get("finetune") or {}).get("init")
    if not init or MADE_BY["pretrain"] not in lacking:
        return ""
    return (
        f" of its own: it was fine-tuned from finetune.init={init}. What can be compared is what both were measured "
        "on: the same files (evaluate.perplexity.files) and benchmarks"
    )
