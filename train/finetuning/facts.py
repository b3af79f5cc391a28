"""What an artifact of finetune says of its task in JSON. What else stands there is the task's own."""

from collections.abc import Mapping
from typing import Any

TaskFacts = Mapping[str, Any]
"""task.json: `task`, `method`, `base`, and what the task itself adds (`TaskTraining.description`)."""
KNOWN_ANSWERS = "known_answers"
"""What the stage's metrics call the test examples with an answer that stands in a training example, too."""
TestRow = dict[str, Any]
"""A line of test.jsonl: the task writes it, and its evaluation reads it."""
