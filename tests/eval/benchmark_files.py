"""Small tasks in the harness's form, with their items beside them."""

import json
import random
from pathlib import Path
from typing import Any

import yaml

SENTENCE = "the cat sat on a mat while it rained in the north and we went home at night by boat"


def words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(SENTENCE.split(), k=count))


def choice_items(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Questions with two to four answers of different lengths."""
    draw = random.Random(seed)
    return [
        {
            "question": words(draw, 8),
            "choices": [words(draw, draw.randint(1, 4)) for _ in range(2 + number % 3)],
            "answer": draw.randrange(2),
        }
        for number in range(count)
    ]


CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [
        {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")
    ],
}
ROLLING = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "question",
    "metric_list": [
        {"metric": "word_perplexity", "aggregation": "weighted_perplexity", "higher_is_better": False},
        {"metric": "bits_per_byte", "aggregation": "bits_per_byte", "higher_is_better": False},
    ],
}
LAST_WORD = {
    "output_type": "loglikelihood",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[0]}}",
    "metric_list": [
        {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
    ],
}
WRITTEN = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[0]}}",
    "generation_kwargs": {"until": ["\n", "q"], "max_gen_toks": 12, "do_sample": False},
    "metric_list": [
        {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True},
        {"metric": "chrf", "aggregation": "chrf", "higher_is_better": True},
    ],
}


def write_task(
    folder: Path, name: str, items: list[dict[str, Any]], fields: dict[str, Any], **more: Any
) -> str:
    """A task's yaml file, with its items in `<name>.jsonl`."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for item in items))
    described = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        **fields,
        "metadata": {"version": 1.5},
        **more,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(described))
    return str(path)
