"""Benchmarks: what lm-evaluation-harness says of the exported folder, we say of the same weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from eval.benchmarks.scores import Examinee, benchmark_results
from eval.results import Bootstrap, Result
from pipeline.config.evaluation import EvaluateConfig
from pipeline.store.artifacts import write_json
from tests.eval.benchmark_files import CHOICE, LAST_WORD, ROLLING, WRITTEN, choice_items, write_task
from train.models import LanguageModel, family


@pytest.fixture
def examinee(tiny_model: Callable[..., LanguageModel], tokenizer) -> Examinee:
    return Examinee("pretrain", tiny_model(init_std=0.1), tokenizer, "t" * 16)


def written_export(folder: Path, examinee: Examinee) -> Path:
    """The model as transformers loads it."""
    model = examinee.model
    folder.mkdir()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    fields = family(model.config).config_fields(model.config, model.vocab_size)
    write_json(folder / "config.json", fields | {"dtype": "float32", "eos_token_id": 0})
    write_json(folder / "generation_config.json", {"eos_token_id": 0, "pad_token_id": 1})
    examinee.tokenizer.save_pretrained(folder)
    return folder


def scores_of(results: list[Result]) -> dict[tuple[str | None, str], float]:
    return {(result.file, result.name): result.value for result in results if result.model == "pretrain"}


def test_the_harness_says_the_same_of_the_exported_folder(
    examinee: Examinee, make_context: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Multiple choice, a perplexity of texts longer than the context, a likeliest continuation, and written texts."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    items = choice_items(17)
    long = [{**item, "question": f"{item['question']} " * 3} for item in items[:5]]
    files = [
        write_task(tmp_path, "toy_choice", items, CHOICE, num_fewshot=1, fewshot_split="test"),
        write_task(tmp_path, "toy_rolling", long, ROLLING),
        write_task(tmp_path, "toy_last_word", items, LAST_WORD),
        write_task(tmp_path, "toy_written", items[:6], WRITTEN),
    ]
    config = EvaluateConfig(benchmarks=files)
    context = make_context(tmp_path / "out")
    with caplog.at_level("INFO"):
        found = list(benchmark_results(examinee, config, Bootstrap(20, 0.95, 0), 3, context))
    assert "holds items of the benchmarks was not looked at" in caplog.text
    folder = written_export(tmp_path / "export", examinee)
    theirs = simple_evaluate(
        "hf",
        {"pretrained": str(folder), "device": "cpu"},
        tasks=files,
        batch_size=3,
        bootstrap_iters=0,
        task_manager=TaskManager(include_defaults=False),
    )
    expected = {
        (name, key.removesuffix(",none")): value * (100 if key.startswith(("acc", "exact_match")) else 1)
        for name, figures in theirs["results"].items()
        for key, value in figures.items()
        if key.endswith(",none") and "stderr" not in key
    }
    ours = scores_of(found)
    assert ours == pytest.approx(expected, rel=5e-6)
    assert len(ours) == 8
    assert 0 < ours["toy_choice", "acc"] < 100
    # And of each item: the same log-probabilities, the same texts.
    assert ours["toy_written", "chrf"] > 0
    for result in found:
        assert result.benchmark
        assert result.low is None or result.low <= result.value <= result.high
    (chance, _) = [result for result in found if result.model == "chance"]
    assert chance.value == pytest.approx(100 * (6 / 2 + 6 / 3 + 5 / 4) / 17)
    (acc,) = [result for result in found if (result.file, result.name) == ("toy_choice", "acc")][:1]
    assert "task:toy_choice,version 1.5," in acc.signature
    assert "|shots:1,seed 1234|items:17 of 17," in acc.signature
    assert acc.signature.startswith("lm-eval:0.")
    assert torch.is_grad_enabled()
