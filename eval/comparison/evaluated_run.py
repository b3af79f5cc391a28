"""A run whose models have been evaluated, as it lies on disk."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval.comparison.lineage import artifacts_with
from eval.language_model.document_scores import DocumentScores, read_documents
from eval.reporting.report_data import StageRecord, merged_config, read_stages
from eval.results import RESULTS, Result, read_results
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.plugins import load_plugins
from pipeline.errors import UserError
from pipeline.formats.run_folder import command_for, is_run, other_runs, refuse_gone
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.stages import STAGES
from pipeline.store.manifest import words
from pipeline.store.written_spec import WrittenSpec
from pipeline.tracking.tracker import read_jsonl


@dataclass(frozen=True)
class EvaluatedRun:
    """A run, and its artifact of evaluate."""

    name: str
    folder: Path
    evaluate: Path

    @cached_property
    def results(self) -> list[Result]:
        return read_results(self.evaluate)

    @cached_property
    def predictions(self) -> list[dict[str, Any]]:
        """What the fine-tuned model answered to the test examples."""
        return read_jsonl(self.evaluate / "predictions.jsonl")

    @cached_property
    def documents(self) -> dict[tuple[str, str | None], DocumentScores]:
        """What each document of held-out text costs, by model and file."""
        return read_documents(self.evaluate)

    @cached_property
    def samples(self) -> list[dict[str, Any]]:
        """Prompts that the model continued."""
        return read_jsonl(self.evaluate / "samples.jsonl")

    @cached_property
    def spec(self) -> WrittenSpec:
        """What evaluate was asked for; the plugins that it names are loaded."""
        found = ArtifactFolder(self.evaluate).spec
        load_plugins(found.plugins)
        return found

    @cached_property
    def config(self) -> EvaluateConfig:
        try:
            return EvaluateConfig.model_validate(self.spec.config.get("evaluate", {}))
        except ValidationError as error:
            raise UserError(
                f"{self.evaluate} is of another version of this project, which knew other settings "
                f"({error.error_count()} of them); evaluate {self.name} again"
            ) from None

    @cached_property
    def stages(self) -> dict[str, StageRecord]:
        """The finished stages that go with its evaluation, by name, in order."""
        return {record.name: record for record in read_stages(self._artifacts)}

    def settings(self, stages: Collection[str] = STAGES.keys()) -> dict[str, Any]:
        """Those that made the artifacts of these stages, by section."""
        return merged_config(record for name, record in self.stages.items() if name in stages)

    @property
    def notes(self) -> str:
        """What one must know to read its figures; empty where there is nothing."""
        record = self.stages.get("evaluate")
        return words(record.metrics, "notes") if record else ""

    def stage(self, name: str) -> Path | None:
        """The artifact of another stage that goes with its evaluation, where there is one."""
        return self._artifacts.get(name)

    @cached_property
    def _artifacts(self) -> dict[str, Path]:
        return artifacts_with(self.evaluate, self.folder)

    def fingerprint(self, stage: str) -> str | None:
        """That of an input of evaluate."""
        return self.spec.input_fingerprints.get(stage)


def run_names(words: Sequence[str]) -> list[str]:
    """Those words of a command line that name runs.

    Raises:
        UserError: where commas stand between names, or full-width spaces.
    """
    names = [word for word in words if "=" not in word]
    for name in names:
        if re.search("[,，、　]", name) and not Path(name).expanduser().exists():
            apart = " ".join(re.sub("[,，、]", " ", name).split())
            raise UserError(f'{name}: spaces stand between the names of runs: RUNS="{apart}"')
    return names


def find_run(name: str, runs: Path) -> EvaluatedRun:
    """The run of that name below `runs`, or whose folder it is.

    Raises:
        UserError: where there is none, or it is not evaluated yet.
    """
    given = Path(name).expanduser()
    folder = next((place for place in (runs / name, given) if is_run(place)), None)
    if folder is None:
        raise UserError(f"there is no run {name!r} in {runs.resolve()}; {other_runs(name, runs)}")
    evaluate = folder / "evaluate"
    refuse_gone(folder, "evaluate")
    if not (evaluate / RESULTS).is_file():
        raise UserError(
            f"the run {name} is not evaluated yet; do it first: {command_for(folder, 'evaluate')}"
        )
    return EvaluatedRun(folder.name, folder, evaluate.resolve())
