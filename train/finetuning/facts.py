"""What an artifact of finetune says of its task in JSON. What else stands there is the task's own."""

from collections.abc import Mapping
from typing import Any

TaskFacts = Mapping[str, Any]
"""task.json: `task`, `method`, `base`, and what the task itself adds (`TaskTraining.description`)."""
TestRow = dict[str, Any]
"""A line of test.jsonl: the task writes it, and its evaluation reads it."""
