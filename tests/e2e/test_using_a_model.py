"""A trained model is opened by its run's name, with its checkpoints; sampled from and talked to on the command line."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.errors import UserError
from tests.command_line import copy_data_stages, environment
from tests.warm.process import WarmProcess, run_warm
from train.opening.opened_model import OpenedModel, open_model

pytestmark = pytest.mark.e2e
LORA = ["run.name=lora", "finetune.lora.rank=8", "finetune.trainer.checkpoint_every=1"]
DPO = ["run.name=dpo", "finetune=dpo", "finetune.lora.rank=8", "finetune.trainer.checkpoint_every=1"]


@pytest.fixture(scope="module")
def runs(shards: Path, pipeline: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three runs: `demo`, tuned whole; `lora`, of merged adapters; `dpo`, trained on preferences."""
    pairs = [
        {"prompt": f"Is {n} odd?", "chosen": f"It is {n % 2}.", "rejected": f"No, {n}!"} for n in range(60)
    ]
    folder = tmp_path_factory.mktemp("runs")
    copy_data_stages(shards, folder)
    file = folder / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, pairs)))
    data = [f"finetune.data.train={file}", "finetune.data.validation=null", "finetune.data.test=null"]
    for words in ([], LORA, [*DPO, *data]):
        result = pipeline(folder, "stage=finetune", *words)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "runs"


def logits(opened: OpenedModel) -> torch.Tensor:
    with torch.inference_mode():
        return opened.model(torch.arange(20)[None])


def use(tool: str, *words: str, input: str = "") -> subprocess.CompletedProcess:
    return run_warm(environment(), f"inference.{tool}", *words, input=input, timeout=120)


@pytest.mark.parametrize("name", ["demo", "demo/pretrain", "lora", "dpo"])
def test_the_last_checkpoint_is_the_finished_model(runs: Path, name: str) -> None:
    """Also where it holds adapters alone."""
    step = 12 if name.endswith("pretrain") else 3
    finished, checkpoint = open_model(name, runs=runs), open_model(name, step, runs=runs)
    torch.testing.assert_close(logits(checkpoint), logits(finished), rtol=1e-5, atol=1e-5)
    assert finished.stops == checkpoint.stops


def test_earlier_checkpoints_are_other_models_and_a_missing_one_is_told_with_the_nearest(runs: Path) -> None:
    early, late = (open_model("demo/pretrain", step, runs=runs) for step in (8, 12))
    assert not torch.allclose(logits(early), logits(late), atol=1e-3)
    with pytest.raises(UserError, match=r"no checkpoint of step 9; the nearest is step=8 \(steps: .*8, 12\)"):
        open_model("demo/pretrain", 9, runs=runs)


def test_a_training_under_way_is_opened_at_its_newest_checkpoint(runs: Path) -> None:
    finished = (runs / "demo" / "pretrain").resolve()
    left = finished.with_name(finished.name.replace("demo-", "left-") + ".partial")
    shutil.copytree(finished, left)
    shutil.rmtree(left / "model")
    (left / "manifest.json").unlink()
    (runs / "left").mkdir()
    (runs / "left" / "config.yaml").write_text(f"run: {{artifacts: {runs.parent / 'artifacts'}}}\n")
    try:
        assert torch.equal(
            logits(open_model("left", runs=runs)), logits(open_model("demo/pretrain", runs=runs))
        )
    finally:
        shutil.rmtree(left)
        shutil.rmtree(runs / "left")


def test_a_damaged_checkpoint_is_told(runs: Path, tmp_path: Path) -> None:
    for stage in ("tokenizer", "shards", "pretrain"):
        folder = (runs / "demo" / stage).resolve()
        artifact = tmp_path / "artifacts" / stage / folder.name
        shutil.copytree(folder, artifact)
    [file] = artifact.glob("checkpoints/step-00000012/rank-*.safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match=r"its sha256 differs.*take another step"):
        open_model(str(artifact), 12)


def test_an_average_is_evaluated_beside_the_last_step_and_exported(runs: Path, pipeline: Callable) -> None:
    """Of merged adapters; and a step that was not kept is told before anything runs."""
    refused = pipeline(runs.parent, "stage=export", *LORA, "export.step=1", "dryrun=true")
    assert refused.returncode == 2
    assert "the nearest is export.step=2 (it keeps steps 2, 3)" in " ".join(refused.stderr.split())
    words = ["export.weights=average", "export.average_last=2", "evaluate.metrics=[chrf]"]
    result = pipeline(runs.parent, "stage=export", *LORA, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    exported, evaluated = (
        json.loads((runs / "lora" / s / "manifest.json").read_text()) for s in ("export", "evaluate")
    )
    assert exported["metrics"]["weights"] == "the mean of the training steps 2, 3"
    assert {"chrf", "average_chrf", "finetuned_perplexity", "average_perplexity"} <= evaluated[
        "metrics"
    ].keys()
    models = [open_model("lora", step, runs=runs).model.state_dict() for step in (2, 3)]
    mean = open_model(str(runs / "lora" / "export"), runs=runs).model.state_dict()
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (models[0][name] + models[1][name]) / 2)


def test_samples_are_drawn_again_with_a_seed(runs: Path) -> None:
    words = (
        "Return the",
        "model=demo",
        f"runs={runs}",
        "seed=3",
        "count=3",
        "max_new_tokens=12",
        "temperature=1.5",
    )
    first, again = use("sample", *words), use("sample", *words)
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    assert "demo: answers" in first.stderr
    lines = [text for number in "123" if (text := first.stdout.partition(f"[{number}] ")[2])]
    assert len({line.partition("\n[")[0] for line in lines}) == 3
    whole = use("sample", "Return the", "model=demo/pretrain", f"runs={runs}", "max_new_tokens=5")
    assert whole.stdout.startswith("Return the")


def test_what_is_wrong_with_a_command_is_one_message(runs: Path) -> None:
    for words, message in (
        (["x", "model=dem", f"runs={runs}"], "did you mean demo?"),
        (["x", "temprature=1"], "did you mean temperature?"),
        (["x", "top_p=3"], "top_p=3: input should be less than or equal to 1"),
        (["x", "hot"], "'hot' is no setting: write key=value"),
        ([""], "there is no prompt"),
        (["word " * 100, "model=demo", f"runs={runs}"], "shorten the prompt"),
    ):
        result = use("sample", *words)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr


def test_a_conversation_is_kept_as_fine_tuning_reads_it(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    lines = [
        "/help", "/system Be brief.", "What is a list?", "/temperature 0", "And <|end|> a tuple?",
        "/temperature hot", "/unknown", f"/save {file}", "/reset", f"/save {file}",
    ]  # fmt: skip
    words = ("model=demo", f"runs={runs}", "max_new_tokens=8", "seed=1")
    result = use("chat", *words, input="\n".join(lines))
    assert result.returncode == 0, result.stderr
    for told in (
        "/temperature NUMBER", "temperature=hot must be a number", "there is no command /unknown",
        "(the system prompt is set)", "(a new conversation)", "there is nothing to save yet",
    ):  # fmt: skip
        assert told in result.stdout
    [kept] = map(json.loads, file.read_text().splitlines())
    turns = kept["messages"]
    assert turns[0] == {"role": "system", "content": "Be brief."}
    assert turns[1] == {"role": "user", "content": "What is a list?"}
    assert all(turn["content"] for turn in turns)


def test_a_model_that_was_not_tuned_to_chat_says_so(runs: Path) -> None:
    result = use("chat", "model=demo/pretrain", f"runs={runs}", input="")
    assert result.returncode == 2
    assert "has no chat template" in result.stderr


def test_ctrl_c_ends_an_answer_and_twice_the_program(runs: Path) -> None:
    parent, child = pty.openpty()
    words = ["model=demo", f"runs={runs}", "max_new_tokens=32", "stop=[]"]
    chat = WarmProcess(environment(), (child, child, child), "inference.chat", *words)
    os.close(child)
    shown = b""

    def until(text: bytes, interrupt: bool = False) -> None:
        nonlocal shown
        deadline = time.monotonic() + 90
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if interrupt:
                os.kill(chat.pid, signal.SIGINT)
            if select.select([parent], [], [], 5 if interrupt else 90)[0]:
                shown += os.read(parent, 4096)
                interrupt = False
        shown = shown.partition(text)[2]

    try:
        until(b"> ")
        # Python waits for a key before it looks at a signal that comes while the prompt is written: press again.
        until(b"Ctrl-C once more", interrupt=True)
        until(b"> ")
        os.write(parent, b"/reset\n")
        until(b"(a new conversation)")
        until(b"> ")
        until(b"Ctrl-C once more", interrupt=True)
        until(b"> ")
        until(b"\n", interrupt=True)
        assert chat.wait(timeout=30) == 0
    finally:
        chat.kill()
        os.close(parent)
