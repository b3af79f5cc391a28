"""All tasks that learn from preferences, from rows to results."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.results import Bootstrap
from eval.tasks import TunedModel, evaluate_task
from pipeline.config.evaluation import DecodeConfig, EvaluateConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.tracking.tracker import read_jsonl, read_metrics
from train.finetune import run
from train.finetuning.artifact import read_task

RATES = {"dpo": 1e-3, "ipo": 1e-3, "kto": 3e-3, "orpo": 3e-3, "simpo": 1e-3}


@pytest.mark.parametrize("name", RATES)
def test_it_learns_and_is_scored(name, pretrained, pairs, stage, tmp_path, make_context) -> None:
    context = make_context(tmp_path / "out", **pretrained)
    optim = {"name": "adamw", "lr": RATES[name]}
    trainer = {"steps": 30, "validate_every": 1}
    run(stage(task=name, optim=optim, data={"train": str(pairs)}, trainer=trainer), context)
    history = read_metrics(context.folder)
    gaps = [row["validation/chosen_reward"] - row["validation/rejected_reward"] for row in history]
    assert gaps[-1] > gaps[0]
    # With kto an answer counts as judged rightly by what all answers have gained: harder than an order.
    least = 0.75 if name == "kto" else 1
    assert history[-1]["validation/accuracy"] >= least
    assert history[-1]["train/loss"] < history[0]["train/loss"]

    artifact = context.folder
    task, facts = read_task(artifact)
    config = EvaluateConfig(decode=DecodeConfig(method="greedy", max_new_tokens=4))
    tuned = TunedModel(
        artifact,
        task,
        facts,
        task.load_model(artifact),
        load_tokenizer(artifact),
        config,
        Bootstrap(50, 0.95, 1),
        1,
        context,
    )
    results, predictions = evaluate_task(tuned)
    found = {result.name: result for result in results}
    assert found["reward_accuracy"].value >= 100 * least
    assert found["reward_margin"].value > 0
    assert found["reward_accuracy"].headline
    rows = read_jsonl(artifact / "test.jsonl")
    assert [row["references"] for row in predictions] == [row["references"] for row in rows]
    assert all(len(row["prediction"]) <= 8 for row in predictions)
    if name in ("orpo", "simpo"):
        assert "reference" not in rows[0]


def test_kto_reads_rated_answers(pretrained, stage, tmp_path, make_context) -> None:
    rows = [
        {"prompt": f"Say {n}.", "completion": f"Gladly: {n}" if n % 2 else f"No. {n}!", "label": bool(n % 2)}
        for n in range(100, 160)
    ]
    path = tmp_path / "rated.json"
    path.write_text(json.dumps(rows))
    context = make_context(tmp_path / "out", **pretrained)
    settings = {"trainer": {"steps": 30, "validate_every": 30}, "optim": {"name": "adamw", "lr": 3e-3}}
    metrics = run(stage(task="kto", data={"train": str(path)}, **settings), context)
    assert metrics["validation_accuracy"] == 1
    assert metrics["validation_chosen_reward"] > metrics["validation_rejected_reward"]


def test_kto_needs_both_kinds(stage, tmp_path: Path) -> None:
    from train.finetuning.data import load_splits
    from train.finetuning.tasks.kto import TASK

    path = tmp_path / "rated.json"
    path.write_text(json.dumps([{"prompt": f"{n}", "completion": "a", "label": 1} for n in range(50)]))
    settings = stage(task="kto", data={"train": str(path)}).finetune
    splits = load_splits(settings.data, lambda path, unread: TASK.read_examples(path, settings, unread), Path)
    with pytest.raises(UserError, match="all training answers are good ones"):
        TASK.describe_examples(settings, splits)


def test_the_other_answer_is_of_another_prompt() -> None:
    from train.finetuning.preferences.rated_rows import Rated
    from train.finetuning.tasks.kto import TASK, _other

    rows = [Rated(prompt, (f"{number}",), (), True) for number, prompt in enumerate("aabbc")]
    assert [_other(rows, i) for i in range(5)] == [2, 2, 4, 4, 0]
    assert np.all([rows[_other(rows, i)].source != row.source for i, row in enumerate(rows)])
    assert TASK.needs_reference
