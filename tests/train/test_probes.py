"""Benchmarks and texts that are followed: they change nothing of the training, and ranks tell what one process does."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from eval.reporting.report_data import read_stages, read_training
from eval.reporting.training_plots import training_plots
from pipeline.config.probes import ProbesConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.tracking.tracker import read_metrics
from tests.eval.benchmark_files import CHOICE, WRITTEN, choice_items, write_task
from tests.train.mixture_worker import pretrain
from tests.warm.ranks import run_ranks
from train.benchmarks.harness_model import Ranks
from train.benchmarks.probes import Probes
from train.checkpoints.final_model import load_model
from train.models import as_language_model

RUN: dict[str, Any] = {"steps": 6, "validate_every": 3, "record_data": False}
TEXT = "the cat sat"


@pytest.fixture
def probes(tmp_path: Path) -> dict[str, Any]:
    """Settings of a benchmark and a text."""
    task = write_task(tmp_path, "toy_choice", choice_items(11), CHOICE, num_fewshot=1, fewshot_split="test")
    (tmp_path / "note.txt").write_text(TEXT)
    return {"every": 2, "benchmarks": [task], "limit": 9, "texts": [str(tmp_path / "note.txt")]}


def probed(folder: Path) -> dict[int, dict[str, float]]:
    """What was followed, by step."""
    found: dict[int, dict[str, float]] = {}
    for row in read_metrics(folder):
        figures = {key: value for key, value in row.items() if key.startswith("probe/")}
        if figures:
            found.setdefault(int(row["step"]), {}).update(figures)
    return found


def test_they_change_nothing_and_tell_what_the_model_is(
    mixture_inputs: Path, probes: dict[str, Any], tmp_path: Path
) -> None:
    folder, plain = tmp_path / "followed", tmp_path / "plain"
    pretrain(mixture_inputs, folder, probes=probes, **RUN)
    pretrain(mixture_inputs, plain, **RUN)
    weights, others = (load_file(each / "model" / "model.safetensors") for each in (folder, plain))
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
    losses = [
        [row["train/loss"] for row in read_metrics(each) if "train/loss" in row] for each in (folder, plain)
    ]
    assert losses[0] == losses[1]

    rows = probed(folder)
    assert list(rows) == [2, 4, 6]
    assert set(rows[2]) == {
        "probe/toy_choice/acc", "probe/toy_choice/acc_norm", "probe/toy_choice/chance", "probe/note.txt/bits_per_byte"
    }  # fmt: skip
    assert rows[2]["probe/toy_choice/chance"] == pytest.approx(100 * (1 / 2 + 1 / 3 + 1 / 4) / 3)
    model, tokenizer = as_language_model(load_model(folder)), load_tokenizer(mixture_inputs / "tokenizer")
    last = Probes(ProbesConfig(**probes), tokenizer, 4, 7).measure(model, Ranks())
    assert {f"probe/{name}": value for name, value in last.items()} == pytest.approx(rows[6])
    ids = torch.tensor([tokenizer.encode(TEXT)])
    before = torch.cat([torch.tensor([[tokenizer.eos_token_id]]), ids[:, :-1]], 1)
    with torch.no_grad():
        nats = model.token_losses(before, ids).sum().item()
    assert last["note.txt/bits_per_byte"] == pytest.approx(nats / math.log(2) / len(TEXT), rel=1e-5)

    training = read_training(read_stages({"pretrain": folder})[0])
    assert training is not None
    names = [plot.name for plot in training_plots("Pretraining", training)]
    assert {"toy_choice", "note.txt"} <= set(names)


def test_tasks_that_have_texts_written_are_refused(probes: dict[str, Any], tmp_path: Path, tokenizer) -> None:
    task = write_task(tmp_path, "toy_written", choice_items(3), WRITTEN)
    with pytest.raises(UserError, match=r"toy_written has texts written, .* evaluate\.benchmarks"):
        Probes(ProbesConfig(**probes | {"benchmarks": [task]}), tokenizer, 4, 7)
    with pytest.raises(UserError, match=r"pretrain\.probes\.texts: .*absent\.txt does not exist"):
        Probes(ProbesConfig(every=1, texts=["absent.txt"]), tokenizer, 4, 7)
    with pytest.raises(UserError, match=rf"pretrain\.probes\.texts: {tmp_path} is no file$"):
        Probes(ProbesConfig(every=1, texts=[str(tmp_path)]), tokenizer, 4, 7)


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero3"])
def test_two_ranks_tell_what_one_does(
    strategy: str, mixture_inputs: Path, probes: dict[str, Any], tmp_path: Path
) -> None:
    pretrain(mixture_inputs, tmp_path / "alone", dropout=0.0, probes=probes, **RUN)
    more = json.dumps({"probes": probes, **RUN})
    run_ranks(
        2, "tests.train.mixture_worker", str(mixture_inputs), str(tmp_path / "two"), strategy, "0", more
    )
    expected, found = probed(tmp_path / "alone"), probed(tmp_path / "two")
    assert list(found) == list(expected) == [2, 4, 6]
    for step, figures in expected.items():
        assert found[step] == pytest.approx(figures, rel=1e-3)
