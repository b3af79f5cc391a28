"""What a later stage would fail at is told before anything starts, or as soon as it can be known."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eval.benchmarks.preflight import benchmarks as check_benchmarks
from pipeline import packages
from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.benchmark_tasks import load_tasks
from pipeline.known import Known
from pipeline.plan import fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.stage_spec import PlanSpec, StageSpec
from pipeline.store.artifacts import Store
from tests.command_line import OWN, ROOT
from tests.eval.benchmark_files import CHOICE, WRITTEN, choice_items, write_task
from tests.pipeline.test_config import composed

TEXT = "The harbour was quiet when the first boats came in, and nobody had slept much. "


@pytest.fixture
def examples(tmp_path: Path):
    """Write a file of rows."""

    def write(name: str, *rows: dict) -> str:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(tmp_path / name)

    return write


def configured(folder: Path, *words: str) -> RootConfig:
    (folder / "notes.txt").write_text("".join(f"{n}. {TEXT * 4}\n\n" for n in range(40)))
    places = [f"++run.artifacts={folder / 'artifacts'}", f"++corpus.paths=[{folder / 'notes.txt'}]"]
    return parse_config(composed(*OWN[:1], "corpus=files", *places, *(f"++{word}" for word in words)))


def preflight(root: RootConfig) -> Preflight:
    store = Store(Path(root.run.artifacts))
    return Preflight(root, fingerprints(plan_stages(root, store)), store)


def finetuned(task: str, train: str, *words: str) -> list[str]:
    return [f"finetune.task={task}", f"finetune.data.train={train}", *words]


def test_files_of_examples_are_read_before_anything_starts(tmp_path: Path, examples) -> None:
    rows = [{"prompt": f"p{n}", "response": f"r{n}"} for n in range(40)]
    root = configured(tmp_path, *finetuned("instruct", examples("a.jsonl", *rows)))
    (finding,) = [found for found in preflight(root).findings() if found.check == "examples"]
    counts = [int(n) for n in re.findall(r"\d+", finding.words)]
    assert finding.state == "fine"
    assert sum(counts) == 40
    bad = examples("bad.jsonl", *rows, {"q": "q", "a": "a"})
    with pytest.raises(
        UserError, match=r"stage finetune would fail: .*bad\.jsonl, line 41: neither a conversation"
    ):
        preflight(configured(tmp_path, *finetuned("instruct", bad))).refuse_what_will_fail()


def test_a_label_that_is_not_trained_on_is_told_before_anything_starts(tmp_path: Path, examples) -> None:
    train = examples("train.jsonl", *({"text": f"text {n}", "label": "ab"[n % 2]} for n in range(40)))
    test = examples("test.jsonl", {"text": "a new text", "label": "c"})
    root = configured(tmp_path, *finetuned("classify", train, f"finetune.data.test={test}"))
    with pytest.raises(UserError, match=r"would fail: the label 'c' of 'a new text' is not among .*\(a, b\)"):
        preflight(root).refuse_what_will_fail()


@pytest.mark.parametrize(
    ("task", "words", "message"),
    [
        (
            "instruct",
            ["finetune.max_length=4096"],
            "finetune.max_length=4096 is longer than the context of 256",
        ),
        ("instruct", ["finetune.lora.targets=[c_attn]"], "c_attn is no linear layer"),
    ],
)
def test_a_model_of_no_use_for_the_task(tmp_path: Path, examples, task, words, message) -> None:
    rows = (
        {"prompt": f"p{n}", "response": "ab"[n % 2], "text": f"p{n}", "label": "ab"[n % 2]} for n in range(40)
    )
    groups = [word for word in words if word.startswith("model=")]
    settings = finetuned(task, examples("a.jsonl", *rows), *(word for word in words if word not in groups))
    values = composed("experiment=own", "corpus=files", *groups, *(f"++{word}" for word in settings))
    values["corpus"]["paths"] = [str(tmp_path)]
    values["run"]["artifacts"] = str(tmp_path / "artifacts")
    with pytest.raises(UserError, match=message):
        preflight(parse_config(values)).refuse_what_will_fail()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["model=lstm", "++trainer.activation_checkpointing=true"],
            "set trainer.activation_checkpointing=false",
        ),
        (
            ["model=hf", "++model.config={model_type: rwkv}", "++data.packing=mask"],
            "set data.packing=concatenate",
        ),
        (["model=lstm", "optim=muon"], "use adamw"),
    ],
)
def test_what_a_model_cannot_do_is_told_before_the_corpus_is_read(tmp_path: Path, words, message) -> None:
    (tmp_path / "notes.txt").write_text(TEXT)
    values = composed("experiment=own", "corpus=files", *words)
    values["corpus"]["paths"] = [str(tmp_path)]
    values["run"]["artifacts"] = str(tmp_path / "artifacts")
    with pytest.raises(UserError, match=f"stage pretrain would fail: .*{message}"):
        preflight(parse_config(values)).refuse_what_will_fail()


CHECKS = """
import sys
from pathlib import Path
from tests.pipeline.test_preflight import configured, preflight
findings = preflight(configured(Path(sys.argv[1]), *sys.argv[2:])).findings()
assert {found.state for found in findings} == {"fine", "later"}, findings
print(*sorted({"torch", "transformers"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("words", "loaded"),
    [(["data.packing=mask"], ""), (["finetune.task=instruct", "finetune.lora.rank=8"], "torch transformers")],
)
def test_torch_is_loaded_only_where_a_check_cannot_do_without(
    tmp_path: Path, examples, words, loaded
) -> None:
    """It takes three seconds, at each start of the planner."""
    rows = [{"prompt": f"p{n}", "response": f"r{n}"} for n in range(40)]
    words = ["stage=evaluate", f"finetune.data.train={examples('a.jsonl', *rows)}", *words]
    command = [sys.executable, "-c", CHECKS, str(tmp_path), *words]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == loaded


def test_splits_that_the_configuration_leaves_empty(tmp_path: Path) -> None:
    root = configured(tmp_path, "clean.test_fraction=0")
    with pytest.raises(UserError, match=r"clean\.test_fraction=0 holds no test text out"):
        preflight(root).refuse_what_will_fail()
    root = configured(tmp_path, "clean.validation_fraction=0")
    with pytest.raises(UserError, match=r"set evaluate\.ngram_baselines=false$"):
        preflight(root).refuse_what_will_fail()
    root = configured(tmp_path, "clean.validation_fraction=0", "evaluate.ngram_baselines=false")
    preflight(root).refuse_what_will_fail()


def test_a_checkpoint_that_will_not_be_kept_is_told_before_it_is_trained(tmp_path: Path) -> None:
    words = ["trainer.steps=400", "trainer.tokens=null", "trainer.checkpoint_every=100", "export.step=100"]
    with pytest.raises(UserError, match=r"evaluate would fail: export.step=100: .* nearest, export.step=300"):
        preflight(configured(tmp_path, *words)).refuse_what_will_fail()
    preflight(configured(tmp_path, *words, "trainer.keep_every=100")).refuse_what_will_fail()


def test_what_depends_on_artifacts_is_put_off_until_they_are_there(tmp_path: Path) -> None:
    told = finetuned("instruct", "artifact://download/instruct/train.jsonl")
    checks = {found.check: found for found in preflight(configured(tmp_path, *told)).findings()}
    assert (checks["examples"].state, checks["examples"].words) == (
        "later",
        "looked at when download is built",
    )
    assert checks["held out text"].words == "looked at when clean is built"


def test_a_text_too_short_to_score_stops_the_run_before_it_trains(tmp_path: Path, pipeline) -> None:
    (tmp_path / "notes.txt").write_text("".join(f"{n}. {TEXT * 4}\n\n" for n in range(200)))
    (tmp_path / "short.txt").write_text("Too short.\n")
    words = [
        f"corpus.paths=[{tmp_path / 'notes.txt'}]",
        f"evaluate.perplexity.files=[{tmp_path / 'short.txt'}]",
    ]
    words += [
        "stage=evaluate",
        "clean.validation_fraction=0.1",
        "clean.test_fraction=0.1",
        "tokenizer.vocab_size=300",
    ]
    result = pipeline(tmp_path, *words, base=OWN)
    assert result.returncode == 2
    assert re.search(
        r"stage evaluate would fail: short\.txt has \d+ tokens, less than one window of 256", result.stderr
    )
    assert list(tmp_path.glob("artifacts/tokenizer/*/manifest.json"))
    assert not (tmp_path / "artifacts" / "pretrain").exists()
    dry = pipeline(tmp_path, *words, "dryrun=true", base=OWN)
    assert dry.returncode == 2
    assert "short.txt has" in " ".join(dry.stdout.split())
    assert "stage evaluate would fail" in dry.stderr


def test_a_job_that_trains_looks_ahead_by_itself(tmp_path: Path) -> None:
    root = configured(tmp_path, "clean.test_fraction=0")
    steps = plan_stages(root, Store(tmp_path / "artifacts"))
    spec = StageSpec.of(steps[4], root, None).model_copy(
        update={"plan": PlanSpec.of(root, fingerprints(steps))}
    )
    spec.save(tmp_path / "pretrain.yaml")
    with pytest.raises(UserError, match=r"stage evaluate would fail: clean\.test_fraction=0"):
        StageSpec.load(tmp_path / "pretrain.yaml").refuse_what_will_fail()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["evaluate.memorization.tokens=150"],
            "prefix_tokens=50 and tokens=150 do not fit into the model's context",
        ),
        (["evaluate.memorization.prefix_tokens=240"], "prefix_tokens=240 and tokens=50 do not fit"),
    ],
)
def test_memorized_passages_that_do_not_fit_are_told_before_anything_starts(
    tmp_path: Path, words: list[str], message: str
) -> None:
    settings = ["finetune.task=none", "evaluate.memorization.prefixes=5"]
    assert "5 prefixes of 50 tokens" in [
        f.words for f in preflight(configured(tmp_path, *settings)).findings()
    ]
    with pytest.raises(UserError, match=f"stage evaluate would fail: .*{message}"):
        preflight(configured(tmp_path, *settings, *words)).refuse_what_will_fail()


@pytest.mark.parametrize(
    ("benchmark", "more", "told"),
    [
        ("hellaswg", (), "knows no task 'hellaswg'; did you mean hellaswag"),
        ("absent.yaml", (), "'absent.yaml' does not exist; name a yaml file"),
        ("{task: TASK, data: {test: [absent.jsonl]}}", (), "absent.jsonl, does not exist"),
        ("LOST", (), r"LOST.yaml cannot be loaded: .*\(its items are in .*LOST.jsonl.*look whether"),
        ("BROKEN", (), "BROKEN.yaml cannot be loaded: UndefinedError: .*no attribute"),
        ("WRITTEN", ("model.context=32",), "writes up to 20 tokens .* context of 32 writes 16 at most"),
        ("{task: ZERO, fewshot: 2}", (), "is made for no solved examples"),
        ("humaneval", ("HF_HUB_OFFLINE",), "humaneval cannot be loaded: .*data set of the hub"),
    ],
)  # fmt: skip
def test_benchmarks_that_cannot_be_scored(
    benchmark: str, more: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    items = choice_items(3)
    written = {**WRITTEN, "generation_kwargs": {"until": ["."], "max_gen_toks": 20}}
    for name, fields in (
        ("TASK", CHOICE),
        ("LOST", CHOICE),
        ("BROKEN", {**CHOICE, "doc_to_text": "{{question.nothing.at_all}}"}),
        ("WRITTEN", written),
        ("ZERO", {**CHOICE, "num_fewshot": 0}),
    ):
        benchmark = benchmark.replace(name, write_task(tmp_path, name, items, fields))
    (tmp_path / "LOST.jsonl").unlink()
    words = [f"evaluate.benchmarks=[{benchmark}]", *(word for word in more if "=" in word)]
    (found,) = [
        found for found in preflight(configured(tmp_path, *words)).findings() if found.check == "benchmarks"
    ]
    assert found.state == "problem"
    assert re.search(told, found.words), found.words


def test_benchmarks_of_a_model_that_reads_both_sides(tmp_path: Path) -> None:
    task = write_task(tmp_path, "toy", choice_items(3), CHOICE)
    words = ["corpus=python_docs", "objective=masked", "model=bert_tiny", "tokenizer=bert"]
    root = parse_config(composed(*OWN[:1], *words, f"evaluate.benchmarks=[{task}]"))
    with pytest.raises(
        UserError, match="a model that reads from left to right, and not one of objective=masked"
    ):
        check_benchmarks(root, Known(Store(tmp_path), {}))


def test_the_harness_is_asked_for_by_the_name_of_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.formats.benchmark_tasks.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'lm-workflow\[benchmarks\]'"):
        load_tasks("hellaswag", {})


def test_canaries_are_refused_where_no_model_tells_how_likely_a_text_is(tmp_path: Path) -> None:
    planted = ["finetune.task=none", "clean.canaries.count=2"]
    (finding,) = [f for f in preflight(configured(tmp_path, *planted)).findings() if f.check == "canaries"]
    assert (finding.state, finding.words) == ("later", "looked at when tokenizer is built")
    masked = [
        "model=bert_tiny",
        "objective=masked",
        "corpus=files",
        f"++corpus.paths=[{tmp_path / 'notes.txt'}]",
    ]
    words = [
        *masked,
        "tokenizer=wordpiece",
        f"++run.artifacts={tmp_path / 'artifacts'}",
        *(f"++{w}" for w in planted),
    ]
    with pytest.raises(
        UserError, match=r"stage evaluate would fail: clean\.canaries are planted for a model that"
    ):
        preflight(parse_config(composed(*words))).refuse_what_will_fail()


def test_views_of_a_model_that_is_not_pretrained_are_refused(tmp_path: Path) -> None:
    shown = ["finetune.task=none", "evaluate.views=[The cat]"]
    (finding,) = [f for f in preflight(configured(tmp_path, *shown)).findings() if f.check == "views"]
    assert finding.words.startswith("1 text")
    corpus = ["corpus=files", f"++corpus.paths=[{tmp_path / 'notes.txt'}]"]
    words = [
        "model=t5_tiny",
        "objective=span_corruption",
        *corpus,
        f"++run.artifacts={tmp_path / 'artifacts'}",
    ]
    with pytest.raises(
        UserError, match=r"stage evaluate would fail: evaluate\.views shows how a decoder or an"
    ):
        preflight(parse_config(composed(*words, *(f"++{word}" for word in shown)))).refuse_what_will_fail()


def test_all_missing_packages_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several metrics, formats and stages, with one command for all."""
    there = packages.find_spec
    gone = ("jiwer", "gguf", "onnx", "onnxruntime")
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in gone else there(name))
    rows = [{"prompt": f"{n}?", "response": f"{n}."} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["finetune.task=instruct", f"finetune.data.train={tmp_path / 'rows.jsonl'}", "stage=export"]
    words += ["evaluate.metrics=[wer,cer]", "export.formats=[gguf,onnx]", "tokenizer.pattern=llama3"]
    with pytest.raises(UserError) as told:
        preflight(configured(tmp_path, *words)).refuse_what_will_fail()
    assert str(told.value) == (
        "packages are missing, and evaluate and export would fail: a word or character error rate needs jiwer; "
        "format=gguf needs gguf; format=onnx needs onnx and onnxruntime: pip install 'lm-workflow[metrics,gguf,onnx]'"
    )
