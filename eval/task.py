"""The fine-tuning task's test examples: predictions and scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.metrics import score_texts
from eval.results import Bootstrap, Result
from eval.scoring.classification import classification_results, classify
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import DecodeConfig, EvaluateConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.progress import progress
from pipeline.store.artifacts import read_json
from pipeline.tracking.tracker import read_jsonl
from train.checkpoints.final_model import TASK_FILE, TEST_FILE
from train.finetuning.chat import prompt_format
from train.finetuning.examples import cut_middle
from train.generation.generate import generate
from train.generation.stops import Stops

Prediction = dict[str, Any]
"""A row of predictions.jsonl: prompt, prediction, references."""


def read_task(artifact: Path) -> dict[str, Any]:
    """What the fine-tuning artifact says of its task.

    Raises:
        UserError: where the file is missing or damaged.
    """
    return read_json(artifact / TASK_FILE, artifact, ("task",))


def _examples(artifact: Path, most: int | None) -> list[dict[str, Any]]:
    rows = read_jsonl(artifact / TEST_FILE)[:most]
    if not rows:
        raise UserError(
            f"{artifact / TEST_FILE} holds no test examples to score; name a file in finetune.data.test, or "
            "give the task more examples to hold some out from"
        )
    return rows


def describe_decoding(decode: DecodeConfig, seed: int) -> str:
    """The decoding's part of a signature."""
    settings = ""
    if decode.method == "sample":
        settings = (
            f",temperature={decode.temperature:g},top_k={decode.top_k},top_p={decode.top_p},seed={seed}"
        )
    elif decode.method == "beam":
        settings = f",beams={decode.beams},length_penalty={decode.length_penalty:g}"
    return f"decoding:{decode.method},max_new_tokens={decode.max_new_tokens}{settings}"


def evaluate_texts(
    artifact: Path,
    task: Mapping[str, Any],
    model: torch.nn.Module,
    config: EvaluateConfig,
    bootstrap: Bootstrap,
    seed: int,
    context: Context,
) -> tuple[list[Result], list[Prediction]]:
    """Generate a text for each test prompt and score them, white space at the ends aside."""
    examples = _examples(artifact, config.max_examples)
    tokenizer = load_tokenizer(artifact)
    form = prompt_format(task["task"], tokenizer, task.get("template"))
    prompts = form.prompt_ids(row["source"] for row in examples)
    with progress("generating", len(prompts), "examples", enabled=context.run.progress) as bar:
        generated = generate(
            model,
            tokenizer,
            prompts,
            config.decode,
            seed,
            stops=Stops(task["stop_token_ids"], task["stop_strings"]),
            cut=cut_middle,  # as in training
            advance=bar.advance,
        )
    predictions = [text.strip() for text in generated]
    references = [[text.strip() for text in row["references"]] for row in examples]
    decoding = describe_decoding(config.decode, seed)
    rows = [
        {"prompt": example["prompt"], "prediction": prediction, "references": row}
        for example, prediction, row in zip(examples, predictions, references, strict=True)
    ]
    texts = GeneratedTexts(predictions, references, bootstrap, decoding)
    return score_texts(texts, config), rows


def evaluate_labels(
    artifact: Path,
    task: Mapping[str, Any],
    model: torch.nn.Module,
    config: EvaluateConfig,
    bootstrap: Bootstrap,
    context: Context,
) -> tuple[list[Result], list[Prediction]]:
    """Label each test text and score the labels.

    Raises:
        UserError: where a test example has a label that the classifier was not trained on.
    """
    labels = task["labels"]
    examples = _examples(artifact, config.max_examples)
    for number, row in enumerate(examples, 1):
        if row["label"] not in labels:
            raise UserError(
                f"test example {number} has the label {row['label']!r}, which no training example has "
                f"(labels: {', '.join(labels)}); correct the test file"
            )
    texts = [row["text"] for row in examples]
    with progress("classifying", len(texts), "examples", enabled=context.run.progress) as bar:
        predicted = classify(
            model,
            load_tokenizer(artifact),
            texts,
            task["max_length"],
            config.decode.batch_size,
            bar.advance,
        )
    expected = np.array([labels.index(row["label"]) for row in examples])
    rows = [
        {"prompt": text, "prediction": labels[index], "references": [row["label"]]}
        for text, index, row in zip(texts, predicted, examples, strict=True)
    ]
    return classification_results("finetune", predicted, expected, labels, bootstrap), rows
