"""Fine-tuning that is judged by a metric of its task: which checkpoint is the best, and when training ends."""

import json
import os
import random
import signal
from pathlib import Path

import pytest
import torch

from eval.results import Bootstrap
from eval.tasks import TunedModel, evaluate_task
from pipeline.config.evaluation import EvaluateConfig, WeightsConfig
from pipeline.errors import Restart, UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.tracking.tracker import read_metrics
from tests.train.head_tasks import save_base, stage
from tests.train.test_tagging import sentence, write_conll
from train.callbacks.validate import Validate
from train.finetune import run
from train.finetuning.artifact import read_task
from train.finetuning.base_model import find_base_model
from train.finetuning.data import load_splits
from train.finetuning.monitoring import describe_monitor
from train.finetuning.task import task_of
from train.guards.monitor import BestSoFar, Monitor
from train.weights.choice import choose


@pytest.mark.parametrize(
    ("better", "values"),
    [
        ("higher", [1.0, 3.0, 2.0]),
        ("lower", [3.0, 1.0, 2.0]),
        ("nearest_100", [120.0, 98.0, 110.0]),
    ],
)
def test_the_best_and_the_patience_are_remembered(better, values) -> None:
    found = BestSoFar(Monitor("f1", better, patience=3))
    assert [found.note(step, value) for step, value in enumerate(values, 1)] == [True, True, False]
    assert not found.note(4, float("nan")), "a value that is no number is none of the best"
    assert not found.out_of_patience
    again = BestSoFar(Monitor("f1", better, patience=3))
    again.remember(json.loads(json.dumps(found.memory())))
    assert again.memory() == found.memory()
    assert not again.note(5, values[1]), "as good is not better"
    assert again.out_of_patience
    assert again.memory()["best_step"] == 2


@pytest.fixture
def names(tmp_path) -> dict[str, str]:
    draw = random.Random(0)
    splits = {"train": 120, "validation": 24, "test": 4}
    return {
        split: str(write_conll(tmp_path / f"{split}.conll", [sentence(draw) for _ in range(count)]))
        for split, count in splits.items()
    }


def tagging(names: dict[str, str], **monitor):
    trainer = {
        "steps": 60,
        "global_batch": 8,
        "threads": 1,
        "sample_every": 0,
        "checkpoint_every": 0,
        "validate_every": 4,
        "keep_last": 1,
        "deterministic": True,
    }
    return stage("tag", Path(names["train"]), data=names, trainer=trainer, monitor=monitor)


def values(folder: Path) -> dict[int, float]:
    return {row["step"]: row["monitor/f1"] for row in read_metrics(folder) if "monitor/f1" in row}


def test_training_ends_when_f1_no_longer_rises_and_goes_on_the_same_after_a_signal(
    names, chat_tokenizer, tmp_path, make_context, monkeypatch
) -> None:
    inputs = save_base(tmp_path, chat_tokenizer, "bert")
    config = tagging(names, metric="f1", patience=2)
    whole = make_context(tmp_path / "whole", **inputs)
    metrics = run(config, whole)
    told = values(whole.folder)
    best = max(told, key=lambda step: told[step])
    assert list(told) == list(range(4, best + 9, 4)), "it ends with the second validation that brings nothing"
    assert metrics["steps"] == best + 8 < 60
    assert (metrics["best_f1"], metrics["best_step"]) == (told[best], best)
    assert [checkpoint.step for checkpoint in list_checkpoints(whole.folder)] == [best, best + 8]
    chosen = choose(whole.folder, WeightsConfig(weights="best"))
    assert chosen.shares == {best: 1.0}
    assert chosen.words == f"the training step {best}, of the highest f1 on validation examples"

    # The figure is what evaluation says of these examples.
    task, facts = read_task(whole.folder)
    model, tokenizer = task.load_model(whole.folder), load_tokenizer(whole.folder)
    scored = make_context(tmp_path / "scored")
    held_out = task.training(config.finetune, find_base_model(None, whole), _splits(config))
    tuned = TunedModel(
        whole.folder,
        task,
        facts,
        model,
        tokenizer,
        EvaluateConfig(),
        Bootstrap(0, 0.95, 0),
        1,
        scored,
        held_out.rows(held_out.splits.validation),
    )
    found = {each.name: each.value for each in evaluate_task(tuned)[0] if each.model == "finetune"}
    assert found["f1"] == pytest.approx(told[best + 8])

    # A signal after the first validation without a better value: the one after it ends the training all the same.
    validate = Validate.after_step

    def stopping(self, trainer, module):
        validate(self, trainer, module)
        if self.progress.step == best + 5:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Validate, "after_step", stopping)
    stopped = make_context(tmp_path / "stopped", **inputs)
    with pytest.raises(Restart):
        run(config, stopped)
    kept = list_checkpoints(stopped.folder)[-1]
    assert best + 4 < kept.step < best + 8
    assert (kept.monitor["stale"], kept.monitor["best_step"]) == (1, best)
    monkeypatch.setattr(Validate, "after_step", validate)
    assert run(config, stopped)["steps"] == best + 8
    assert values(stopped.folder) == told
    ends = [list_checkpoints(context.folder)[-1] for context in (whole, stopped)]
    assert ends[0].monitor == ends[1].monitor
    assert ends[0].hashes == ends[1].hashes

    # Started once more, as after a kill between the last checkpoint and the model, it trains no further.
    assert run(config, stopped)["steps"] == best + 8
    assert values(stopped.folder) == told


def _splits(config):
    settings = config.finetune
    return load_splits(
        settings.data, lambda path, unread: task_of(settings).read_examples(path, settings, unread), Path
    )


def test_a_wrong_name_is_told_with_those_that_the_task_has(names) -> None:
    config = tagging(names, metric="bleu")
    with pytest.raises(UserError, match=r"metric=bleu .*take one of f1, f1_macro, loss, precision, recall"):
        describe_monitor(config.finetune, _splits(config))
    told = describe_monitor(tagging(names, metric="f1", patience=3).finetune, _splits(config))
    assert told == (
        "the best checkpoint has the highest f1, and training ends after 3 validations without a better one"
    )


def test_without_validations_there_is_nothing_to_look_at(names) -> None:
    trainer = {"steps": 4, "validate_every": 0}
    config = stage("tag", Path(names["train"]), data=names, trainer=trainer, monitor={"patience": 1})
    assert any("validate_every=0 has one at the end alone" in told for told in config.finetune.problems())


@pytest.mark.parametrize(
    ("task", "layout", "metric", "rows"),
    [
        ("seq2seq", "llama", "chrf", [{"source": f"{n}", "target": f"n {n}"} for n in range(20)]),
        (
            "dpo",
            "llama",
            "margin",
            [{"prompt": f"Say {n}.", "chosen": f"Yes {n}", "rejected": "No."} for n in range(30)],
        ),
        ("classify", "bert", "mcc", [{"text": f"{n}", "label": "ab"[n % 2]} for n in range(60)]),
        ("classify", "bert", "squared_error", [{"text": f"{n}", "label": n / 40} for n in range(60)]),
        (
            "extract",
            "bert",
            "exact_match",
            [
                {"question": "who?", "context": f"{n} Ada {n}", "answers": {"text": ["Ada"]}}
                for n in range(10, 70)
            ],
        ),
        (
            "relate",
            "bert",
            "relation_f1",
            [
                {
                    "text": f"Ada {n} Paris",
                    "head": [0, 3],
                    "tail": [-5 + len(f"Ada {n} Paris"), len(f"Ada {n} Paris")],
                }
                | {"label": "ab"[n % 2]}
                for n in range(60)
            ],
        ),
    ],
)
def test_every_task_can_be_judged_by_its_metrics(
    task, layout, metric, rows, chat_tokenizer, tmp_path, make_context
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    context = make_context(tmp_path / "out", **save_base(tmp_path, chat_tokenizer, layout))
    trainer = {"steps": 2, "global_batch": 4, "threads": 1, "sample_every": 0, "validate_every": 1}
    monitor = {"metric": metric, "max_new_tokens": 4, "examples": 4}
    config = stage(task, path, trainer=trainer, monitor=monitor)
    metrics = run(config, context)
    told = [row[f"monitor/{metric}"] for row in read_metrics(context.folder) if f"monitor/{metric}" in row]
    assert len(told) == 2
    lower = metric == "squared_error"
    assert metrics[f"best_{metric}"] == (min if lower else max)(told)
    assert torch.is_grad_enabled()
