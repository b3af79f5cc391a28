"""A package outside the project brings things of each kind, and everything works as with the project's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from pipeline.formats.documents import read_texts
from tests.command_line import ROOT, TINY, copy_data_stages, kill_after_a_checkpoint
from tests.pipeline.test_launching import configured, stage_specs

pytestmark = pytest.mark.e2e
WORDS = [
    "plugins=[my_lab]",
    "optim=sgd",
    "optim.lr=0.1",
    "schedule=polynomial",
    "evaluate.metrics=[bleu,size_ratio]",
    "finetune=continue",
    "finetune.text_field=response",
    "longest.documents=2",
    "trainer.callbacks=[weight_norm]",
    "tracking=diary",
    "trainer.checkpoint_every=1",
    "trainer.steps=20",
    "trainer.deterministic=true",
]
POLITE = ["launcher=polite", "launcher.niceness=7"]
WITHOUT_CORPUS = [word for word in TINY if not word.startswith("corpus.")]
CORPUS = [
    "corpus=mixture",
    "corpus.parts={docs: {kind: python_docs, packages: [], max_mb: 0.6}, numbers: {kind: counting}}",
    *(
        f"finetune.data.{split}=artifact://download/parts/docs/instruct/{split}.jsonl"
        for split in ("train", "validation", "test")
    ),
]
"""Its corpus, as a part of a mixture."""
BANNED = "clean.filters.banned={word: one one nine nine}"
"""Its filter: one document of its corpus counts to 1199."""


def weights(folder: Path) -> dict:
    return load_file(folder / "runs/demo/pretrain/model/model.safetensors")


def test_a_run_with_all_of_them_resumes_bitwise_and_is_reported(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = [*WORDS, *CORPUS, BANNED, "tokenizer=words"]
    started = pipeline(whole, *words, *POLITE, "stage=longest", base=WITHOUT_CORPUS)
    assert started.returncode == 0, started.stdout + started.stderr
    done = pipeline(whole, *words, "stage=report", base=WITHOUT_CORPUS)
    assert done.returncode == 0, done.stdout + done.stderr
    copy_data_stages(whole, killed)
    kill_after_a_checkpoint(killed, *words, base=WITHOUT_CORPUS)
    resumed = pipeline(killed, *words, "stage=pretrain", base=WITHOUT_CORPUS)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "continuing from step" in resumed.stdout
    expected, found = weights(whole), weights(killed)
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)

    rows = [
        json.loads(line) for line in (whole / "runs/demo/pretrain/metrics.jsonl").read_text().splitlines()
    ]
    last = next(row["train/lr"] for row in reversed(rows) if "train/lr" in row)
    assert last == pytest.approx(0.0, abs=1e-6)
    norms = {row["step"]: row["my_lab/weight_norm"] for row in rows if "my_lab/weight_norm" in row}
    assert sorted(norms) == [10, 20]
    # The stored weights are those of the last step; tied ones are stored once.
    squares = sum(float((tensor.double() ** 2).sum()) for tensor in expected.values())
    assert norms[20] == pytest.approx(squares**0.5, rel=1e-4)
    card = (whole / "runs/demo/export/model/README.md").read_text()
    assert "sgd, peak rate 0.1" in card
    assert "polynomial" in card
    assert "Size ratio" in (whole / "runs/demo/report/report.html").read_text()
    evaluated = json.loads((whole / "runs/demo/evaluate/manifest.json").read_text())
    assert "size ratio" in evaluated["metrics"]["headline"]
    assert "the longest has" in (whole / "runs/demo/report/report.html").read_text()
    assert len((whole / "runs/demo/longest/longest.txt").read_text().split("\n\n")) >= 2
    manifest = json.loads((whole / "runs/demo/longest/manifest.json").read_text())
    assert manifest["metrics"]["niceness"] == os.nice(0) + 7, "its launcher started the worker"
    assert list((whole / "runs/demo/clean/documents").glob("train-numbers-*.parquet"))
    assert "banned_word" in (whole / "runs/demo/clean/data_card.md").read_text()
    assert "pretrain finished\n" in (whole / "runs/demo/diary.txt").read_text()
    check_task(whole / "runs/demo")
    tracked = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True)
    assert "my_lab" not in tracked.stdout.replace("tests/extension/", "")


def test_a_model_that_says_only_how_it_is_built(
    lab: Path, tmp_path: Path, shards: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    copy_data_stages(shards, tmp_path)
    base = [word for word in TINY if not word.startswith(("model.", "finetune."))]
    words = ["plugins=[my_lab]", "model=gru", "model.context=64", "optim=adamw", "finetune=none"]
    planned = pipeline(tmp_path, *words, "stage=export", "dryrun=true", base=base)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "not predicted: this model's family does not say what it needs" in planned.stdout
    assert "FLOPs       unknown" in planned.stdout
    done = pipeline(tmp_path, *words, "stage=export", base=base)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FLOPs unknown" in done.stdout
    assert "model.family=gru has no class in transformers" in done.stdout
    manifest = json.loads((tmp_path / "runs/demo/export/manifest.json").read_text())
    assert manifest["metrics"]["max_logit_difference"] == 0


def test_its_model_meets_what_the_projects_models_must(lab: Path) -> None:
    """In a process of its own, since the package would stay known in this one."""
    code = (
        "import torch\n"
        "from my_lab.gru import GRUConfig\n"
        "from tests.train import test_models_baselines as checks\n"
        "from train.models import build_model\n"
        "torch.manual_seed(5)\n"
        "model = build_model(GRUConfig(width=24, context=checks.CONTEXT), checks.VOCAB).eval()\n"
        "checks.test_loss_is_the_cross_entropy_of_the_logits(model)\n"
        "checks.test_stepwise_decoding_equals_the_full_pass_with_left_padding(model)\n"
        "checks.test_states_can_be_reordered(model)\n"
        "checks.test_learns(model)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_a_strategy_whose_ranks_hold_different_parts_resumes_bitwise(
    lab: Path, tmp_path: Path, shards: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    words = [
        "plugins=[my_lab]",
        "optim=adamw",
        "trainer.devices=2",
        "trainer.steps=16",
        "trainer.log_every=1",
    ]
    words += ["trainer.checkpoint_every=1", "trainer.deterministic=true"]
    whole, killed, other = tmp_path / "whole", tmp_path / "killed", tmp_path / "other"
    copy_data_stages(shards, whole)
    planned = pipeline(whole, *words, "strategy=dealt", "stage=pretrain", "dryrun=true")
    assert "not predicted: this strategy does not say what it needs" in planned.stdout
    done = pipeline(whole, *words, "strategy=dealt", "stage=pretrain")
    assert done.returncode == 0, done.stdout + done.stderr
    for folder in (killed, other):
        copy_data_stages(whole, folder)
    kill_after_a_checkpoint(killed, *words, "strategy=dealt")
    resumed = pipeline(killed, *words, "strategy=dealt", "stage=pretrain")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "written by 2 × dealt" in resumed.stdout
    expected, found = weights(whole), weights(killed)
    assert all((expected[name] == found[name]).all() for name in expected)
    checkpoint = sorted((whole / "runs/demo/pretrain/checkpoints").iterdir())[-1]
    parts = [set(load_file(file)) for file in sorted(checkpoint.glob("*.safetensors"))]
    assert len(parts) == 2
    assert not parts[0] & parts[1]
    # As DDP trains, but for the order of its sums.
    done = pipeline(other, *words, "strategy=ddp", "stage=pretrain")
    assert done.returncode == 0, done.stdout + done.stderr
    copies = weights(other)
    assert all(expected[name].allclose(copies[name], rtol=1e-3, atol=2e-4) for name in expected)


def check_task(run: Path) -> None:
    """Looks at what the stages after pretraining made of the lab's fine-tuning task."""
    tests = [json.loads(line) for line in (run / "finetune/test.jsonl").read_text().splitlines()]
    assert all(row["prompt"] == row["source"] for row in tests)  # no template
    halves = {row["prompt"]: row["references"][0] for row in tests}
    assert all(len(second) - len(first) in (0, 1) for first, second in halves.items())
    lines = (run / "evaluate/predictions.jsonl").read_text().splitlines()
    predictions = [json.loads(line) for line in lines]
    assert [[halves[row["prompt"]].strip()] for row in predictions] == [
        row["references"] for row in predictions
    ]
    assert json.loads((run / "finetune/task.json").read_text())["task"] == "continue"
    card = (run / "export/model/README.md").read_text()
    for words in (
        "fine-tuned to finish a text",
        "continue, all weights",
        "finishes-texts",
        "AutoModelForCausalLM",
    ):
        assert words in card


@pytest.mark.parametrize(
    ("words", "base", "rebuilt"),
    [
        # Its stage and metric; their readers.
        (
            ["stage=report", "trainer.callbacks=[]"],
            TINY,
            {"longest", "finetune", "evaluate", "export", "report"},
        ),
        (["stage=pretrain"], TINY, {"pretrain"}),  # its callback
        (["stage=clean", "corpus=counting"], WITHOUT_CORPUS, {"download", "clean"}),
        (["stage=clean", *CORPUS], WITHOUT_CORPUS, {"download", "clean"}),
        (["stage=clean", BANNED], TINY, {"clean"}),
        (["stage=shards", "tokenizer=words"], TINY, {"tokenizer", "shards"}),
    ],
)
def test_its_code_is_part_of_the_fingerprint(
    lab: Path,
    tmp_path: Path,
    pipeline: Callable[..., subprocess.CompletedProcess],
    words: list[str],
    base: list[str],
    rebuilt: set[str],
) -> None:
    def planned() -> dict[str, str]:
        told = pipeline(tmp_path, *WORDS, "optim=adamw", "schedule=linear", "dryrun=true", *words, base=base)
        assert told.returncode == 0, told.stdout + told.stderr
        assert ("1,200 numbers will be counted" in told.stdout) == (base != TINY)
        rows = [line.split() for line in told.stdout.splitlines()]
        return {row[0]: row[2] for row in rows if row[1:2] == ["build"]}

    before = planned()
    (lab / "sgd_torch.py").write_text((lab / "sgd_torch.py").read_text() + "\n# another line\n")
    after = planned()
    assert {stage for stage in before if before[stage] != after[stage]} == rebuilt


def test_a_job_loads_the_package_before_it_reads_its_settings(lab: Path, tmp_path: Path) -> None:
    spec = stage_specs(configured("stage=download"), tmp_path)["download"]
    settings = spec.model_dump(mode="json")
    settings |= {"plugins": ["my_lab"], "launcher": {"kind": "polite", "niceness": 7}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    code = (
        "import sys; from pathlib import Path; from pipeline.stage_spec import StageSpec\n"
        "launcher = StageSpec.load(Path(sys.argv[1])).launcher\n"
        "print(launcher.niceness, launcher.implementation)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "settings.yaml")]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("7 my_lab.polite_processes\n", "")


def test_its_filter_drops_what_it_is_told_to(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    words = ["corpus=counting", "clean.validation_fraction=0", "clean.test_fraction=0", "stage=clean"]
    done = pipeline(tmp_path, "plugins=[my_lab]", BANNED, *words, base=WITHOUT_CORPUS)
    assert done.returncode == 0, done.stdout + done.stderr
    texts = list(read_texts(tmp_path / "runs/demo/clean/documents", "train"))
    assert len(texts) == 19
    assert not any("one one nine nine" in text for text in texts)
    assert "banned_word" in (tmp_path / "runs/demo/clean/data_card.md").read_text()


def test_its_format_of_files_stands_beside_text(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello there.\n")
    (tmp_path / "films" / "b.txt").write_text("About the film.\n")
    words = ["stage=download", "corpus=files", f"corpus.paths=[{tmp_path / 'films'}]"]
    done = pipeline(tmp_path, "plugins=[my_lab]", *words, base=WITHOUT_CORPUS)
    assert done.returncode == 0, done.stdout + done.stderr
    texts = list(read_texts(tmp_path / "runs/demo/download/documents", "all"))
    assert texts == ["Hello there.", "About the film.\n"]
    done = pipeline(tmp_path, *words, base=WITHOUT_CORPUS)
    assert "1 .srt is left out" in done.stdout


def test_its_tokenizer_makes_the_tokens(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    words = ["corpus=counting", "clean.validation_fraction=0.1", "tokenizer=words", "tokenizer.vocab_size=60"]
    done = pipeline(tmp_path, "plugins=[my_lab]", *words, "stage=shards", base=WITHOUT_CORPUS)
    assert done.returncode == 0, done.stdout + done.stderr
    tokenizer = json.loads((tmp_path / "runs/demo/tokenizer/tokenizer/tokenizer.json").read_text())
    assert tokenizer["model"]["type"] == "WordLevel"
    assert {"zero", "nine", "."} <= set(tokenizer["model"]["vocab"])
    assert "0.000% unknown" in done.stdout


def test_a_package_that_fails_to_import_is_one_error(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    (lab / "__init__.py").write_text("import no_such_module\n")
    told = pipeline(tmp_path, *WORDS)
    assert told.returncode == 2
    assert told.stderr.startswith("error: plugins: the package 'my_lab' cannot be imported")
    assert "no_such_module" in told.stderr
    assert "Traceback" not in told.stderr


def test_its_options_are_told_where_one_is_mistyped(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    told = pipeline(tmp_path, *WORDS, "++optim.momentun=0.5")
    assert told.returncode == 2
    assert "did you mean optim.momentum?" in told.stderr
    assert sys.executable not in told.stderr
