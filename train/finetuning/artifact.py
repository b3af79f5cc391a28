"""What a fine-tuned model's artifact holds besides the model: its task, and the test examples."""

from pathlib import Path

from pipeline.config.tasks import FinetuneConfig
from pipeline.errors import UserError
from pipeline.store.artifacts import read_json
from pipeline.tracking.tracker import read_jsonl
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.task import FinetuningTask, task_of

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
