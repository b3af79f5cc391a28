"""What a fine-tuned model's artifact holds besides the model: its task, and the test examples."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.tasks import FinetuneConfig
from pipeline.errors import UserError
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.store.artifacts import read_json
from pipeline.tracking.tracker import read_jsonl
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.task import FinetuningTask, task_of

if TYPE_CHECKING:
    from train.checkpoints.initial import InitialWeights

TASK_FILE, TEST_FILE = "task.json", "test.jsonl"


def read_task(artifact: Path) -> tuple[FinetuningTask, TaskFacts]:
    """The task that the model was tuned to, and all that the artifact says of it.

    Raises:
        UserError: where the file is missing or damaged, or the task is a plugin's that is not named now.
    """
    facts = read_json(artifact / TASK_FILE, artifact, ("task",))
    section = FinetuneConfig.choices().get(str(facts["task"]))
    if section is None or not section.enabled:
        raise UserError(
            f"the model in {artifact} is fine-tuned to the task {facts['task']!r}, which is not known here; name the "
            "package that brings it: plugins=[…]"
        )
    return task_of(section), facts


def read_test_rows(artifact: Path, most: int | None = None) -> list[TestRow]:
    """The first test examples, as the task wrote them."""
    return read_jsonl(artifact / TEST_FILE)[:most]


def refuse_classifier(folder: Path, initial: "InitialWeights") -> None:
    """Raises: UserError: where the weights in an artifact's folder are of a task's head in place of next tokens."""
    if (folder / TASK_FILE).is_file():
        task, facts = read_task(folder)
        if not task.scores_text:
            raise UserError(
                f"{initial.setting}: {initial.name} is fine-tuned to the task {facts['task']!r} and predicts no text; "
                f"name the model before: {ArtifactFolder(folder).model_before(str(folder))}"
            )
