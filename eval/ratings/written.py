"""The texts of an evaluated model that people judge, and the names that they have on a sheet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Written(NamedTuple):
    """What a model wrote for a prompt."""

    prompt: str
    text: str
    turns: str = ""
    """The prompt as people read it, where it is a conversation."""

    @property
    def shown(self) -> str:
        """The prompt, for people."""
        return self.turns or self.prompt

    @property
    def digest(self) -> str:
        """Stands for it in answers: nobody sees from it which model wrote the text, and the model's own evaluation
        knows it again."""
        return hashlib.sha256(json.dumps([self.prompt, self.text]).encode()).hexdigest()[:20]


def written_texts(
    predictions: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
) -> list[Written]:
    """Of a fine-tuned model its predictions; of another its sample texts.

    Args:
        predictions, samples: rows of predictions.jsonl and samples.jsonl.
    """
    if predictions:
        return [Written(row["prompt"], row["prediction"], _turns(row)) for row in predictions]
    return [Written(row["prompt"], row["continuation"]) for row in samples]


def _turns(row: Mapping[str, Any]) -> str:
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in row.get("turns", []))
