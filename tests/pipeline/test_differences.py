"""What a configuration sets otherwise than by default."""

from pipeline.config.differences import differences
from pipeline.config.root import RootConfig
from pipeline.config.stages import PretrainStage

DEFAULTS = {
    "seed": 1337,
    "data": {},
    "model": {"family": "decoder"},
    "objective": {"name": "causal"},
    "optim": {"name": "adamw"},
    "schedule": {"name": "cosine"},
    "trainer": {"steps": 5},
    "strategy": {"name": "single"},
}


def changed(**sections) -> dict[str, tuple]:
    dumped = PretrainStage.model_validate(DEFAULTS | sections).model_dump(mode="json")
    return {d.key: (d.value, d.default) for d in differences(RootConfig, dumped)}


def test_only_what_is_set_otherwise_is_named():
    base = changed()
    assert base["trainer.steps"] == (5, None)
    assert not [key for key in base if key.startswith(("data", "seed", "optim.lr", "optim.betas"))]
    assert changed(seed=7)["seed"] == (7, 1337)


def test_settings_within_sections_of_sections():
    found = changed(trainer={"steps": 5, "guard": {"history": 16}})
    assert found["trainer.guard.history"] == (16, 128)
    assert "trainer.guard.patience" not in found


def test_another_choice_is_compared_with_its_own_defaults():
    found = changed(optim={"name": "muon", "momentum": 0.5})
    assert found["optim.name"] == ("muon", None)
    assert found["optim.momentum"] == (0.5, 0.95)
    assert "optim.muon_lr" not in found


def test_a_choice_within_a_section_that_is_not_the_default_one():
    dumped = {"finetune": {"task": "instruct", "schedule": {"name": "cosine", "warmup": 0.1}}}
    found = {d.key: (d.value, d.default) for d in differences(RootConfig, dumped)}
    assert found["finetune.schedule.name"] == ("cosine", "linear")
    assert found["finetune.schedule.warmup"] == (0.1, 0.02)
