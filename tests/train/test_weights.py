"""Which weights of a training are taken, and what they come to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config.evaluation import WeightsConfig
from pipeline.config.stages import FinetuneStage
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from tests.written_checkpoints import write_checkpoint
from train import finetune
from train.checkpoints.final_model import load_model, save_model
from train.finetuning.classifier import load_classifier
from train.weights.choice import average, check_plan, choose, read_choice, several, write_choice
from train.weights.exported import with_weights
from train.weights.states import TrainedStates

LOSSES = {10: 3.0, 20: 2.0, 30: 2.5, 40: None, 50: float("nan")}


@pytest.fixture
def pretrain(tiny_model: Callable, tmp_path: Path) -> Path:
    """An artifact with the checkpoints of five steps; that of step n is the model of seed n, with tied embeddings."""
    artifact = tmp_path / "pretrain"
    for step, loss in LOSSES.items():
        write_checkpoint(artifact, step, tiny_model(seed=step, tie_embeddings=True), loss)
    final = tiny_model(seed=50, tie_embeddings=True)
    save_model(artifact, final.state_dict(), final.config, final.vocab_size)
    return artifact


@pytest.fixture
def context(make_context: Callable[..., Context], pretrain: Path, tmp_path: Path) -> Context:
    return make_context(tmp_path / "out", pretrain=pretrain)


def shares(artifact: Path, **settings: Any) -> dict[int, float]:
    return choose(artifact, WeightsConfig(**settings)).shares


def test_what_the_settings_mean(pretrain: Path) -> None:
    assert shares(pretrain, step=30) == {30: 1.0}
    assert shares(pretrain, weights="best") == {20: 1.0}  # and not what has no loss, or one that is no number
    assert shares(pretrain, weights="average", average_last=4) == dict.fromkeys((20, 30, 40, 50), 0.25)
    moving = shares(pretrain, weights="ema", ema_decay=0.9)
    assert sum(moving.values()) == pytest.approx(1)
    assert moving[40] / moving[50] == pytest.approx(0.9**10)
    assert choose(pretrain, WeightsConfig(step=30)).label == "step 30"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"step": 34},
            r"step=34: .* keeps no .*the nearest is export.step=30 .*keeps steps 10, 20, 30, 40, 50",
        ),
        ({"weights": "average", "average_last": 6}, "keeps 5 checkpoints .*set it to at most 5"),
    ],
)
def test_what_was_not_kept_is_told(pretrain: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose(pretrain, WeightsConfig(**settings))


def test_there_must_be_checkpoints(tiny_model: Callable, tmp_path: Path) -> None:
    mean = WeightsConfig(weights="average", average_last=2)
    with pytest.raises(UserError, match=r"has no checkpoint; only export.weights=last"):
        choose(tmp_path, mean)
    write_checkpoint(tmp_path, 10, tiny_model())
    with pytest.raises(UserError, match="keeps one checkpoint, of step 10: there is nothing to average"):
        several(tmp_path)
    with pytest.raises(UserError, match=r"no checkpoint in .* has a validation loss.*it keeps steps 10"):
        choose(tmp_path, WeightsConfig(weights="best"))


@pytest.mark.parametrize(
    ("trainer", "settings", "message"),
    [
        ({"steps": 45}, {"step": 45}, None),
        ({"steps": 45}, {"step": 30}, "need not keep .* but those of steps 40, 45; .*nearest, export.step=40"),
        ({"steps": 45, "keep_every": 10}, {"step": 30}, None),
        ({"tokens": 10**6}, {"step": 30}, None),  # how many steps that is is not known yet
        ({"tokens": 10**6}, {"weights": "average", "average_last": 3}, "needs 3 checkpoints, .* will keep 2"),
        ({"steps": 45, "keep_last": 3}, {"weights": "average", "average_last": 3}, None),
        ({"steps": 45, "checkpoint_every": 0}, {"weights": "ema"}, "needs 2 checkpoints, .* will keep 1"),
        ({"steps": 45, "checkpoint_every": 0}, {"weights": "best"}, None),
    ],
)  # fmt: skip
def test_before_training_it_is_told_what_will_not_be_kept(
    trainer: dict[str, Any], settings: dict[str, Any], message: str | None
) -> None:
    plan, wanted = TrainerConfig(**{"checkpoint_every": 10, **trainer}), WeightsConfig(**settings)
    if message is None:
        check_plan(plan, wanted, "trainer")
        return
    with pytest.raises(UserError, match=message):
        check_plan(plan, wanted, "trainer")


def test_a_mean_is_that_of_the_models(pretrain: Path, context: Context, tiny_model: Callable) -> None:
    states = TrainedStates(pretrain, context)
    models = {step: tiny_model(seed=step, tie_embeddings=True).state_dict() for step in (20, 40, 50)}
    for name, tensor in states.at(20).items():
        assert torch.equal(tensor, models[20][name])
    mean = states.mean({20: 0.25, 40: 0.25, 50: 0.5})
    assert mean.keys() == load_file(pretrain / "model" / "model.safetensors").keys()
    for name, tensor in mean.items():
        expected = (models[20][name] + models[40][name] + 2 * models[50][name]) / 4
        torch.testing.assert_close(tensor, expected)
    found = {
        len(steps): (steps, {n: t.clone() for n, t in mean.items()})
        for steps, mean in states.means_of_the_last()
    }
    assert [steps for steps, _ in found.values()] == [
        [50],
        [40, 50],
        [30, 40, 50],
        [20, 30, 40, 50],
        [10, 20, 30, 40, 50],
    ]
    for steps, mean in found.values():
        for name, tensor in states.mean(average(steps).shares).items():
            torch.testing.assert_close(mean[name], tensor)


def test_an_artifact_with_other_weights(pretrain: Path, context: Context, tiny_model: Callable) -> None:
    write_choice(context.folder, choose(pretrain, WeightsConfig(step=20)))
    choice = read_choice(context.folder)
    assert choice is not None
    folder = with_weights(context, choice).inputs["pretrain"]
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        assert torch.equal(load_model(folder)(ids), tiny_model(seed=20, tie_embeddings=True)(ids))
    assert read_choice(pretrain) is None


def test_a_checkpoint_that_is_damaged_gone_or_anothers_is_told(
    pretrain: Path, context: Context, tiny_model: Callable
) -> None:
    states = TrainedStates(pretrain, context)
    [file] = checkpoint_folder(pretrain, 20).glob("rank-00001.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match=r"step-00000020 is damaged: .*sha256 differs.*choose other weights"):
        states.mean({20: 0.5, 50: 0.5})
    with pytest.raises(UserError, match=r"the checkpoint of step 60 in .* is gone"):
        states.at(60)
    for step, hidden in ((60, 64), (70, 16)):
        write_checkpoint(pretrain, step, tiny_model(hidden=hidden))
        with pytest.raises(
            UserError, match=r"the checkpoint .*(elements of|lacks weight of).* another model"
        ):
            TrainedStates(pretrain, context).at(step)


@pytest.mark.parametrize("task", ["classify", "dpo"])
@pytest.mark.parametrize("lora", [None, {"variant": "dora", "quantize": "nf4"}])
def test_checkpoints_of_every_kind_of_fine_tuning(
    task: str,
    lora: dict | None,
    tiny_model: Callable,
    tokenizer,
    make_context: Callable[..., Context],
    tmp_path: Path,
) -> None:
    """With a head, within a loss, of adapters: the last is the finished model, and means are of whole models."""
    model = tiny_model(len(tokenizer))
    inputs = {"tokenizer": tmp_path / "tok", "pretrain": tmp_path / "pre"}
    save_tokenizer(tokenizer, inputs["tokenizer"] / "tokenizer")
    save_model(inputs["pretrain"], model.state_dict(), model.config, model.vocab_size)
    rows = [
        {
            "text": f"{n}",
            "label": "odd" if n % 2 else "even",
            "prompt": f"{n}?",
            "chosen": "Yes.",
            "rejected": "No!",
        }
        for n in range(30)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trainer = {
        "steps": 3,
        "global_batch": 4,
        "threads": 1,
        "sample_every": 0,
        "checkpoint_every": 1,
        "keep_last": 3,
    }
    settings = {
        "task": task,
        "lora": lora,
        "data": {"train": str(tmp_path / "rows.jsonl")},
        "trainer": trainer,
    }
    stage = FinetuneStage(
        seed=1, strategy={"name": "single"}, finetune={**settings, "optim": {"name": "adamw", "lr": 0.02}}
    )
    context = make_context(tmp_path / "finetune", **inputs)
    finetune.run(stage, context)
    write_json(context.folder / "manifest.json", {"config": stage.model_dump(mode="json")})

    states = TrainedStates(context.folder, make_context(tmp_path / "out", **inputs, finetune=context.folder))
    final = load_file(context.folder / "model" / "model.safetensors")
    last, first = states.at(3), {name: tensor.clone() for name, tensor in states.at(1).items()}
    assert last.keys() == final.keys()
    for name, tensor in final.items():
        torch.testing.assert_close(last[name], tensor)
    assert any(not torch.allclose(first[name], tensor, atol=1e-3) for name, tensor in final.items())
    for name, tensor in states.mean({1: 0.5, 3: 0.5}).items():
        torch.testing.assert_close(tensor, (first[name] + final[name]) / 2)
    if task == "classify":
        choice = choose(context.folder, WeightsConfig(step=1))
        out = make_context(tmp_path / "out", **inputs, finetune=context.folder)
        tuned = load_classifier(with_weights(out, choice).inputs["finetune"])
        assert torch.equal(tuned.score.weight, first["score.weight"])


@pytest.mark.parametrize(
    ("start", "settings", "message"),
    [
        ([10, 20], {"weights": "average", "average_last": 6}, None),
        ([20], {"weights": "average", "average_last": 5}, None),
        (
            [20],
            {"weights": "average", "average_last": 6},
            r"needs 6 checkpoints, and the training will keep 5: it goes on from step 20 of demo-1, which has kept "
            r"only that of step 20; lower trainer\.checkpoint_every \(10\), or average fewer",
        ),
        ([20], {"step": 10}, r"export\.step=10: .*those of steps 20, 30, 40, 50, 60; .*nearest, export\.step=20"),
    ],
)  # fmt: skip
def test_what_a_longer_run_lacks_is_told_before_it_trains(
    start: list[int], settings: dict[str, Any], message: str | None
) -> None:
    """Of the steps before it has the checkpoints of the shorter run only."""
    plan = TrainerConfig(steps=60, checkpoint_every=10, keep_last=8)
    wanted = WeightsConfig(**settings)
    if message is None:
        check_plan(plan, wanted, "trainer", ("demo-1", start))
        return
    with pytest.raises(UserError, match=message):
        check_plan(plan, wanted, "trainer", ("demo-1", start))
