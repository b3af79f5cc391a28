"""What a model that has learnt preferences makes of test answers: their rewards."""

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch

from eval.results import Figure, Result, shown
from eval.tasks import Prediction, TunedModel
from eval.tasks.written_text import predicted, write_answers
from pipeline.progress import progress
from train.finetuning.facts import TestRow
from train.finetuning.preferences.model import PreferenceModel
from train.finetuning.preferences.task import PreferenceTask
from train.models import as_language_model

FIGURES = {
    "reward_accuracy": Figure("Reward accuracy", "{:.1f}% of preferences met"),
    "reward_margin": Figure("Reward margin", "reward margin {:.3f}"),
}


@torch.no_grad()
def measure_rewards(tuned: TunedModel, rows: list[TestRow]) -> np.ndarray:
    """Of each row's answers, fp64 [rows, answers]; against the reference, where the task has one."""
    task = cast(PreferenceTask, tuned.task)
    loss, size = task.loss(tuned.facts["loss"]), tuned.config.decode.batch_size
    model = PreferenceModel(as_language_model(tuned.model), loss).eval()
    device = next(model.parameters()).device
    form = task.prompt_format(tuned.tokenizer)
    examples = task.encode([task.from_row(row) for row in rows], form, tuned.facts["max_length"])
    if task.needs_reference:
        examples.reference = np.array([row["reference"] for row in rows], dtype=np.float32)
    found = []
    with progress("judging", len(rows), "examples", enabled=tuned.context.run.progress) as bar:
        for indices in np.array_split(np.arange(len(rows)), -(-len(rows) // size)):
            batch = {name: tensor.to(device) for name, tensor in examples.collate(indices, indices).items()}
            policy = model.log_probs(batch["input_ids"], batch["labels"])
            found.append(loss.rewards(policy, batch.get("reference")).double().cpu().numpy())
            bar.advance(len(indices))
    return np.concatenate(found)


def reward_results(
    tuned: TunedModel, statistics: Mapping[str, Callable[[np.ndarray], float]], units: int
) -> list[Result]:
    """The statistics of drawn test examples, as results."""
    settings = ",".join(f"{name}:{value:g}" for name, value in tuned.facts["loss"].items())
    signature = f"task:{tuned.facts['task']}|{settings}|max_length:{tuned.facts['max_length']}"
    results = [
        tuned.bootstrap.result("finetune", name, statistic, units, signature)
        for name, statistic in statistics.items()
    ]
    return shown(results, FIGURES)


def answered_prompts(tuned: TunedModel, rows: list[TestRow]) -> list[Prediction]:
    """What the model itself answers to the rows' prompts."""
    form = cast(PreferenceTask, tuned.task).prompt_format(tuned.tokenizer)
    answers = write_answers(tuned, form, [row["turns"] for row in rows])
    return [predicted(row, answer, row["references"]) for row, answer in zip(rows, answers, strict=True)]
