"""The forecast counts steps and epochs as the stage will."""

import pytest

from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.forecast import Forecast
from tests.pipeline.test_config import composed
from train.data.steps import count_steps
from train.finetuning.forecast import forecast as forecast_of_finetuning
from train.memory.forecast import forecast

PARTS = {"wiki": 1_280_001, "news": 320_001}
"""Tokens: 10,000 and 2,500 windows of 128."""


def configured(**data: object) -> RootConfig:
    parts = "{wiki: {kind: python_docs}, news: {kind: python_docs}}"
    trainer = ["++trainer.steps=null", "++trainer.epochs=1", "++trainer.global_batch=16"]
    values = composed("corpus=mixture", f"++corpus.parts={parts}", *trainer)
    values["data"].update(data)
    return parse_config(values)


@pytest.mark.parametrize(
    ("data", "steps", "epochs"),
    [
        ({}, "782", "1.00 epochs"),
        ({"weights": {"wiki": 1, "news": 1}}, "782", "1.00 epochs"),
        ({"epochs": {"wiki": 1, "news": 2}}, "938", "1.00 epochs"),
        ({"tokens": {"news": 640_000}}, "313", "1.00 epochs"),
    ],
)
def test_steps_of_a_mixture(data: dict, steps: str, epochs: str) -> None:
    facts = forecast(configured(**data), 400, PARTS).facts
    assert facts["steps"] == steps
    assert facts["tokens"].endswith(epochs)


def test_a_part_that_there_is_not() -> None:
    with pytest.raises(UserError, match="data names wikki"):
        forecast(configured(weights={"wikki": 1}), 400, PARTS)


def test_masks_take_memory() -> None:
    plain, masked = (forecast(configured(packing=how), 400, None) for how in ("concatenate", "mask"))
    assert masked.memory["activations"] > plain.memory["activations"]
    assert masked.memory["parameters"] == plain.memory["parameters"]


def planned(*words: str, model: str = "llama_tiny") -> dict[str, str]:
    values = composed(
        f"model={model}", "optim=adamw", "++trainer.steps=null", "++trainer.global_batch=16", *words
    )
    return forecast(parse_config(values), 400, None).facts


@pytest.mark.parametrize("model", ["llama_tiny", "lstm", "moe_tiny"])
def test_a_budget_of_flops_is_spent_and_by_no_more_than_a_step_exceeded(model: str) -> None:
    facts = planned("++trainer.flops=3e12", model=model)
    spent, steps = float(facts["FLOPs"]), int(facts["steps"].replace(",", ""))
    assert 3e12 <= spent <= 3e12 * (1 + 1.1 / steps)


def test_seconds_count_with_the_speed_that_was_measured() -> None:
    facts = planned("++trainer.seconds=60", "++trainer.speed=5000")
    assert facts["steps"] == f"{-(-60 * 5000 // (16 * 128)):,}"
    with pytest.raises(UserError, match="set speed to the tokens_per_second that a short run"):
        planned("++trainer.seconds=60")


def test_flops_of_a_model_that_does_not_say() -> None:
    trainer = TrainerConfig(flops=1e12)
    with pytest.raises(UserError, match=r"give trainer.tokens or trainer.steps"):
        count_steps(trainer, 100, 128, 1000, None)


def test_tokens_per_parameter() -> None:
    values = composed(
        "++trainer.steps=null", "++trainer.tokens_per_parameter=20", "++trainer.global_batch=16"
    )
    facts = forecast(parse_config(values), 400, None).facts
    parameters = int(facts["model"].split()[0].replace(",", ""))
    assert facts["steps"] == f"{-(-20 * parameters // (16 * 128)):,}"


def tuned(*words: str) -> Forecast:
    found = forecast_of_finetuning(parse_config(composed("experiment=demo", *words)), 2048, None)
    assert found is not None
    return found


def test_finetuning_needs_what_pretraining_needs_with_sequences_as_long_as_its_longest_example() -> None:
    same = ["++finetune.trainer.global_batch=16", "++finetune.batching=padded"]
    same += [
        "++finetune.optim.name=muon",
        "++finetune.optim.muon_lr=0.02",
        "++finetune.optim.embedding_lr=0.05",
    ]
    full = tuned(*same)
    assert full.memory == forecast(parse_config(composed("experiment=demo")), 2048, None).memory
    assert full.refusal is None
    shorter = tuned(*same, "++finetune.max_length=32")
    assert 3.9 < full.memory["activations"] / shorter.memory["activations"] < 4.5
    adapted = tuned("++finetune.lora.rank=4")
    assert adapted.memory["gradients"] < full.memory["gradients"] / 20
    tight = tuned("++finetune.trainer.device_memory_gb=0.6", "++finetune.trainer.accelerator=cpu")
    assert "a batch of the longest examples does not fit" in tight.facts["warning"]


def test_memory_of_tasks_that_train_on_something_else_is_not_predicted() -> None:
    assert "finetune.task=classify trains on something else" in tuned("finetune=classify").unpredicted
