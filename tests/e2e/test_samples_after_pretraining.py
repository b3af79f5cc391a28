"""`chat_sample`, `dpo_sample` and `continue_sample` in a small form: what people do with a pretrained model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.tracker import read_metrics
from tests.command_line import tiny_words

pytestmark = pytest.mark.e2e

SMALL = [
    *tiny_words("tracking=", "run.", "model.", "trainer.", "tokenizer."),
    "model.context=128",
    "trainer.compile=false",
    "trainer.steps=8",
    "trainer.validate_every=4",
    "trainer.checkpoint_every=2",
    "evaluate.bootstrap=50",
    "evaluate.prompts=[]",
]
TUNED = [
    *SMALL,
    "finetune.data.max_examples=60",
    "finetune.trainer.epochs=null",
    "finetune.trainer.steps=4",
    "finetune.trainer.threads=1",
    "evaluate.max_examples=4",
    "evaluate.decode.max_new_tokens=8",
]


@pytest.fixture(scope="module")
def data(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the real data, to which the experiments are pointed."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "wikitext-2").mkdir()
    for name, size in (("train", 400_000), ("valid", 100_000), ("test", 100_000)):
        text = shared_data(f"wikitext-2/wiki.{name}.tokens").read_text(encoding="utf-8")
        (folder / f"wikitext-2/wiki.{name}.tokens").write_text(text[:size], encoding="utf-8")
    for name in ("conversations", "preference", "wikidump"):
        (folder / name).symlink_to(shared_data(name))
    return folder


@pytest.fixture
def run(
    pipeline: Callable, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Runs an experiment to its report; gives the folder of its run."""
    monkeypatch.setenv("LM_DATA", str(data))

    def start(experiment: str, *words: str) -> Path:
        ended = pipeline(tmp_path, "stage=report", *words, base=[f"experiment={experiment}"])
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return tmp_path / "runs" / experiment

    return start


def results(folder: Path) -> dict[str, float]:
    rows = json.loads((folder / "evaluate/results.json").read_text())
    return {row["name"]: row["value"] for row in rows if row["model"] == "finetune"}


def test_chat_sample(run: Callable[..., Path]) -> None:
    folder = run("chat_sample", *TUNED)
    assert {"bleu", "rougeL", "perplexity"} <= results(folder).keys()
    assert all(
        0 <= row["train/padding"] < 0.5 for row in read_metrics(folder / "finetune") if "train/loss" in row
    )
    assert (
        "chat_template" in (folder / "export/model/tokenizer_config.json").read_text()
        or (folder / "export/model/chat_template.jinja").is_file()
    )


def test_dpo_sample(run: Callable[..., Path]) -> None:
    folder = run("dpo_sample", *TUNED)
    assert {"reward_accuracy", "reward_margin"} <= results(folder).keys()
    losses = [row["train/loss"] for row in read_metrics(folder / "finetune") if "train/loss" in row]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # the policy is still the reference
    assert "Rejected reward" in (folder / "report/report.html").read_text()


def test_continue_sample(run: Callable[..., Path], data: Path) -> None:
    dump = f"paths=[{data / 'wikidump/en.mini.xml.bz2'}]"
    first = run("enwiki_sample", *SMALL, f"corpus.{dump}")
    words = [word for word in SMALL if not word.startswith(("model.", "tokenizer."))]
    folder = run("continue_sample", *words, f"corpus.parts.wiki.{dump}")
    assert (first / "export/model/config.json").is_file()
    validations = [row for row in read_metrics(folder / "pretrain") if "validation/loss" in row]
    assert [row["step"] for row in validations] == [0, 4, 8]
    assert {"validation/wikitext_loss", "validation/wiki_loss"} <= validations[0].keys()
    scored = json.loads((folder / "evaluate/results.json").read_text())
    assert {"pretrain", "average"} <= {row["model"] for row in scored}
    assert "average" in (folder / "export/model/README.md").read_text()
