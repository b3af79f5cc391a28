"""The texts of an evaluated model that people judge, and the names that they have on a sheet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Written(NamedTuple):
    """What a model wrote for a prompt."""

    prompt: str
    text: str

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
        return [Written(row["prompt"], row["prediction"]) for row in predictions]
    return [Written(row["prompt"], row["continuation"]) for row in samples]
