"""The report shows what there is, does without what is absent, and lets no text become markup."""

import asyncio
import base64
import hashlib
import html
import json
import logging
import math
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from rich.cells import cell_len

from eval.checkpoints.points import Point, write_points
from eval.report import REPORT_FILE, run
from eval.reporting.pages import duration, number, size
from eval.reporting.report_data import read_stages
from eval.reporting.report_plots import Series, compact, line_plot
from eval.reporting.summary import judge
from eval.results import PER_CHARACTER, PERPLEXITIES, Figure, Result, shown, write_results
from pipeline.config.run import RunConfig
from pipeline.config.stages import CleanStage, DownloadStage, ReportStage, TokenizerStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.training_artifact import write_initial
from pipeline.launch.stage_code import run_stage
from pipeline.stages import STAGES
from pipeline.store.artifacts import finish
from pipeline.tracking.tracker import Tracker
from tests.inference.browser import CHROMIUM, Browser
from train.weights.choice import Choice, write_choice

HOSTILE = "</p><script>alert('x')</script><img src=https://example.org/x.png onerror=alert(1)>&amp;"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORDS = ("the", "tokenizer", "reads", "each", "document", "and", "writes", "what", "a", "model", "needs")


def sentence(seed: int) -> str:
    return " ".join(WORDS[(seed * 7 + i * (seed % 5 + 1)) % len(WORDS)] for i in range(12)).capitalize() + "."


def artifact(root: Path, stage: str, metrics: dict, config: dict | None = None, **changes) -> Path:
    """Finish the stage's folder, as a worker does."""
    folder = root / "artifacts" / stage / "trial-0123456789ab.partial"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "stage": stage,
        "version": 1,
        "fingerprint": "0123456789ab",
        "config": config or {},
        "inputs": {name: f"artifacts/{name}/trial-0123456789ab" for name in STAGES[stage].inputs},
        "metrics": metrics,
        "run": "trial",
        "seconds": 72.4,
        "finished": "2026-01-31T12:00:00Z",
        "host": "node-1",
        "ranks": 1,
        "tracking": {"backend": "none"},
        "git_commit": COMMIT,
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "deepspeed": None},
        "hardware": {"cpu": "A processor", "cores": 2, "gpus": []},
    }
    return finish(folder, manifest | changes)


def partial(root: Path, stage: str) -> Path:
    folder = root / "artifacts" / stage / "trial-0123456789ab.partial"
    folder.mkdir(parents=True)
    return folder


def context_in(folder: Path, **inputs: Path) -> Context:
    folder.mkdir(parents=True, exist_ok=True)
    run = RunConfig(name="trial", progress=False, command="python -m pipeline experiment=trial")
    return Context(folder, inputs, Tracker(folder), logging.getLogger("test"), run)


def log_training(folder: Path, steps: int, batch_tokens: int) -> dict:
    """Metrics in the names that the training loop uses; the curve is that of no model."""
    tracker = Tracker(folder)
    for step in range(10, steps + 1, 10):
        loss = 3.2 + 4.5 * math.exp(-step / (steps / 5)) + 0.05 * math.sin(step)
        tracker.log(
            {
                "train/loss": loss,
                "train/lr": 3e-3 * (1 - step / steps),
                "train/grad_norm": 0.6 + 2 / step + 0.2 * math.sin(step / 3),
                "train/tokens_per_second": 2900 + 60 * math.cos(step),
                "train/data_wait": 0.004,
                "train/memory_gb": 1.1,
                "train/mfu": 0.37,
            },
            step,
        )
        if step % (steps // 5) == 0:
            tracker.log({"validation/loss": loss + 0.15}, step)
            tracker.table("samples", ["prompt", "continuation"], [["Return the ", sentence(step)]], step)
    return {
        "parameters": 5_243_904,
        "steps": steps,
        "tokens": steps * batch_tokens,
        "train_loss": 3.2,
        "validation_loss": 3.35,
        "validation_perplexity": math.exp(3.35),
        "tokens_per_second": 2900.0,
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run: the data stages as they are, training and evaluation by what they write."""
    root = tmp_path_factory.mktemp("run")
    made: dict[str, Path] = {}
    corpus = root / "corpus.txt"
    documents = [" ".join(sentence(i * 40 + j) for j in range(12)) + f" {HOSTILE} {i}" for i in range(60)]
    corpus.write_text("\n\n".join([*documents, "too short", documents[0]]))
    sections = {
        "download": DownloadStage.model_validate(
            {"corpus": {"kind": "files", "paths": [str(corpus)], "split_documents": True}}
        ),
        "clean": CleanStage.model_validate({"clean": {"validation_fraction": 0.2, "workers": 1}}),
        "tokenizer": TokenizerStage.model_validate({"tokenizer": {"kind": "bpe", "vocab_size": 300}}),
    }
    for stage, config in sections.items():
        metrics = run_stage(STAGES[stage], config, context_in(partial(root, stage), **made))
        made[stage] = artifact(root, stage, metrics, config.model_dump(mode="json"))
    made["shards"] = artifact(root, "shards", {"train_tokens": 512_000})
    for stage, steps in (("pretrain", 250), ("finetune", 60)):
        metrics = log_training(partial(root, stage), steps, 2048)
        made[stage] = artifact(root, stage, metrics, {"optim": {"name": "adamw", "lr": 0.003}})
    folder = partial(root, "evaluate")
    signature = "split:test|tokens:25000|words:whitespace|bs:1000|ci:0.95|seed:1"
    values = {"pretrain": 181.2, "finetune": 204.9, "bigram": 516.3, "unigram": 1180.4}
    results = [
        Result(model, "word_perplexity", value, 0.95 * value, 1.06 * value, 31, signature)
        for model, value in values.items()
    ]
    foreign = Result("pretrain", "word_perplexity", 388.8, None, None, 1, "file:novel.txt", "novel.txt")
    task = Result("finetune", "rougeL", 27.4, None, None, 40, "stem:porter")
    figures = PERPLEXITIES | {"rougeL": Figure("ROUGE-L", "ROUGE-L {:.1f}")}
    write_results(folder, shown([*results, foreign, task], figures))
    rows = Tracker(folder)
    predictions = [[HOSTILE, sentence(3), [sentence(3)]]] * 12
    rows.table("predictions", ["prompt", "prediction", "references"], predictions)
    turns = [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": "What a tag."}]
    rows.table("talks", ["prompt", "prediction", "references", "turns"], [["", "Yes.", ["No."], turns]])
    rows.table("samples", ["prompt", "continuation"], [["Return the ", HOSTILE]])
    for name in ("predictions", "samples"):
        (folder / "tables" / f"{name}.jsonl").rename(folder / f"{name}.jsonl")
    with (folder / "predictions.jsonl").open("r+") as file:
        others = file.read()
        file.seek(0)
        file.write((folder / "tables/talks.jsonl").read_text() + others)
    made["evaluate"] = artifact(
        root,
        "evaluate",
        {"word_perplexity": 181.2, "headline": "word perplexity 181.2", "notes": "ROUGE goes from 0 to 100."},
    )
    (partial(root, "export") / "model").mkdir()
    (root / "artifacts/export/trial-0123456789ab.partial/model/README.md").write_text(f"# Card {HOSTILE}")
    made["export"] = artifact(root, "export", {"max_logit_difference": 2e-6})
    return made


class Page(HTMLParser):
    """The elements and the text of a page, and what is wrong with its structure."""

    VOID = ("meta", "br", "img", "path", "use", "wbr")

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, text: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(text)


def report(folder: Path, most: int = 8, title: str | None = None, **inputs: Path) -> tuple[Page, dict]:
    config = ReportStage.model_validate({"report": {"samples": most, "title": title}})
    metrics = run(config, context_in(folder, **inputs))
    return Page((folder / "report.html").read_text(encoding="utf-8")), metrics


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory) -> tuple[Page, dict]:
    return report(tmp_path_factory.mktemp("report"), **inputs)


def test_the_figures_of_the_run_are_there(whole, inputs):
    page, metrics = whole
    for text in ("trial", "181.2", "516.3", "1,180", "5.24M", "512k", "27.40", "A processor, 2 cores"):
        assert text in page.text, text
    for stage in inputs:
        assert stage in page.text.split()
    assert COMMIT in page.text
    assert "make all EXP=trial" in page.text
    assert "artifacts/ pretrain/ …-0123456789ab" in page.text, "where its artifact is, without a link"
    assert "172.1 – 192.1" in page.text
    assert "where their signatures are the same. ROUGE goes from 0 to 100. " in page.text
    assert "optim. lr 0.003" in page.text, "what is not as by default"
    assert "dropped: too short 1 document " in page.text
    assert "dropped: duplicate 1 document " in page.text
    assert "step 250" in page.text
    assert "vocab_size: 300" in page.text
    assert metrics["figures"] == sum(tag == "figure" for tag, _ in page.elements) > 12


def test_a_text_from_elsewhere_has_a_chart_of_its_own(whole):
    page, _ = whole
    assert "Perplexity per word, novel.txt pretrained 388.8" in page.text
    assert "181.2 perplexity per word" in page.text, "the corpus's own text is what stands at the top"
    assert "65% lower than counts of pairs of tokens in the same text (516.3)." in page.text


def test_only_perplexity_of_words_is_said_to_be_large_by_nature(tmp_path):
    def page(figure: Figure) -> str:
        (tmp_path / "evaluate").mkdir(exist_ok=True)
        results = [Result("pretrain", name, 9.0, 8.5, 9.5, 31, "split:test") for name in PERPLEXITIES]
        write_results(tmp_path / "evaluate", shown(results, PERPLEXITIES | {"word_perplexity": figure}))
        return report(tmp_path / "report", evaluate=tmp_path / "evaluate")[0].text

    assert "Perplexity per word is of whole words" in page(PERPLEXITIES["word_perplexity"])
    of_characters = page(PER_CHARACTER)
    assert "Perplexity per character" in of_characters
    assert "per word" not in of_characters


def test_a_single_document_is_said_to_have_no_interval(tmp_path):
    def page(*results: Result) -> str:
        (tmp_path / "evaluate").mkdir(exist_ok=True)
        write_results(tmp_path / "evaluate", shown(results, PERPLEXITIES))
        return report(tmp_path / "report", evaluate=tmp_path / "evaluate")[0].text

    of_one = Result("pretrain", "bits_per_byte", 1.9, None, None, 1, "split:test")
    several = Result("bigram", "bits_per_byte", 2.1, 2.0, 2.2, 31, "split:test")
    unsampled = replace(several, low=None, high=None)
    assert "whiskers" not in page(of_one)
    assert "The text is a single document, so there are no confidence intervals" in page(of_one)
    assert "The whiskers are confidence intervals." in page(several)
    assert "single document" not in page(unsampled)
    assert "whiskers" not in page(unsampled)
    assert "The whiskers are confidence intervals; a single document has none." in page(several, of_one)
    of_two = replace(of_one, n=2)
    assert "The text is only 2 documents, so there are no confidence intervals" in page(of_two)
    assert "The whiskers are confidence intervals; only 2 documents have none." in page(several, of_two)


def test_every_plot_has_its_lines(whole):
    page, _ = whole
    plots = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    names = ("Loss", "Learning rate", "Gradient norm", "Throughput", "Memory", "Waiting for data")
    assert plots == [f"{stage}: {name}" for stage in ("Pretraining", "Fine-tuning") for name in names]
    lines = [attributes.get("style") or "" for tag, attributes in page.elements if tag == "path"]
    assert sum("var(--series-1); stroke-width: 1.7" in style for style in lines) == len(plots)
    assert not [style for style in lines if "#0" in style], "a colour that dark mode cannot change"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)")
def test_the_words_of_plots_can_be_read_on_a_phone_and_stand_apart(inputs, tmp_path):
    report(tmp_path / "report", **inputs)
    boxes = """[...document.querySelectorAll("#pretraining figure:first-child text")].map(each => {
        const {left, top, right, bottom} = each.getBoundingClientRect();
        return [left, top, right, bottom, parseFloat(getComputedStyle(each).fontSize) *
            each.ownerSVGElement.getBoundingClientRect().width / each.ownerSVGElement.viewBox.baseVal.width];
    })"""

    async def look(width: int) -> list[list[float]]:
        async with Browser((tmp_path / "report" / REPORT_FILE).as_uri()) as page:
            await page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width, height=800, deviceScaleFactor=1, mobile=width < 600,
            )  # fmt: skip
            return await page.evaluate(boxes)

    for width in (390, 1280):
        words = asyncio.run(look(width))
        assert len(words) > 8
        assert min(size for *_, size in words) > 11, width
        for one, other in combinations(words, 2):
            apart = max(one[0], other[0]) >= min(one[2], other[2]) or (
                max(one[1], other[1]) >= min(one[3], other[3]) - 2  # lines of text may touch
            )
            assert apart, (width, one, other)


def test_checkpoints_and_their_averages_are_a_curve(tmp_path):
    def point(kind: str, *steps: int) -> Point:
        value = float(sum(steps))
        results = [Result("pretrain", "perplexity", value, value - 1, value + 1, 9, "split:validation")]
        return Point(kind, list(steps), shown(results, PERPLEXITIES))

    (tmp_path / "evaluate").mkdir()
    points = [
        point("checkpoint", 100),
        point("checkpoint", 200),
        point("average", 200),
        point("average", 100, 200),
    ]
    write_points(tmp_path / "evaluate", points)
    page, _ = report(tmp_path / "report", evaluate=tmp_path / "evaluate")
    assert "average of the last 2, from step 100 on 300.0 299.0 – 301.0" in page.text
    [plot] = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert plot["aria-label"] == "Checkpoints: Perplexity per token"
    drawn = [attributes.get("style") or "" for tag, attributes in page.elements if tag == "path"]
    assert all(any(f"var(--series-{n}); stroke-width: 1.7" in style for style in drawn) for n in (1, 2))


def test_ids_are_unique(whole):
    ids = [attributes["id"] for _, attributes in whole[0].elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("languages", "language"), [({"zh": 40, "en": 8}, "zh"), ({"zh": 24, "en": 24}, ""), ({"und": 9}, "und")]
)
def test_texts_of_the_corpus_are_in_its_language_and_the_page_in_english(
    languages, language, inputs, tmp_path
):
    clean = tmp_path / "clean"
    shutil.copytree(inputs["clean"], clean)
    stats = json.loads((clean / "stats.json").read_text()) | {"languages": languages}
    (clean / "stats.json").write_text(json.dumps(stats))
    page, _ = report(tmp_path / "report", **inputs | {"clean": clean})
    assert [attributes["lang"] for tag, attributes in page.elements if tag == "html"] == ["en"]
    samples = [a for _, a in page.elements if a.get("class") in ("text", "text card", "chips") and a["lang"]]
    texts = [a for _, a in page.elements if a.get("class") in ("text card", "chips")]
    assert {(a["lang"], a["translate"]) for a in texts} == {(language, "no")}
    assert len(samples) == (8 if language else 0), "tokens, a sample and six of training, no test examples"


def test_ends_of_documents_that_are_held_out_are_told_beside_the_funnel(inputs, tmp_path):
    clean = tmp_path / "clean"
    shutil.copytree(inputs["clean"], clean)
    stats = json.loads((clean / "stats.json").read_text()) | {"held_out_ends": 2}
    (clean / "stats.json").write_text(json.dumps(stats))
    page, _ = report(tmp_path / "with", **inputs | {"clean": clean})
    told = "2 held-out documents are the ends of training documents, since whole ones were too few"
    assert told in page.text
    page, _ = report(tmp_path / "without", **inputs)
    assert "are the ends of" not in page.text


@pytest.mark.parametrize("sentence", ["我知道。", "I know."])
def test_the_tokens_of_a_text_of_short_lines_are_a_few_full_lines(sentence, inputs, tmp_path):
    clean = tmp_path / "clean"
    with DocumentWriter(clean / "documents", "validation", 1) as writer:
        writer.write(Document("a", f"{sentence}\n" * 500))
    report(tmp_path / "report", clean=clean, tokenizer=inputs["tokenizer"])
    page = (tmp_path / "report" / REPORT_FILE).read_text(encoding="utf-8")
    (figure,) = re.findall(r'<figure class="card tokens">.*?</figure>', page, re.DOTALL)
    shown = html.unescape("".join(re.findall(r"<span>(.*?)</span>", figure, re.DOTALL)))
    assert shown.startswith(f"{sentence}⏎{sentence}⏎")
    assert "\n" not in shown
    assert 200 < cell_len(shown) <= 600


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("word", "1.33 tokens per word"),
        ("character", "1.33 tokens per character with the punctuation and line ends"),
    ],
)
def test_tokens_are_told_per_word_or_per_character(word, told, tmp_path):
    tokenizer = artifact(tmp_path, "tokenizer", {"fertility": 1.327, "word": word})
    page, _ = report(tmp_path / "report", tokenizer=tokenizer)
    assert told in page.text


@pytest.mark.parametrize(
    ("word", "told"), [("word", "1.33 tokens per word"), ("character", "1.29 characters per token")]
)
def test_what_a_token_holds_is_told_per_word_or_in_characters(word, told, tmp_path):
    figures = {"fertility": 1.327, "characters_per_token": 1.294, "word": word}
    page, _ = report(tmp_path / "report", tokenizer=artifact(tmp_path, "tokenizer", figures))
    assert told in page.text
    assert ("tokens per" in page.text) == (word == "word")
    assert ("characters per token" in page.text) == (word == "character")


def test_where_the_project_can_be_cloned_from_is_told_with_the_command(inputs, tmp_path):
    newest = tmp_path / "export"
    shutil.copytree(inputs["export"], newest)
    manifest = json.loads((newest / "manifest.json").read_text())
    manifest |= {"git_remote": "https://example.org/lab/lm.git", "git_commit": f"{COMMIT}-dirty"}
    (newest / "manifest.json").write_text(json.dumps(manifest))
    page, _ = report(tmp_path / "with", **inputs | {"export": newest})
    told = (
        f"git clone https://example.org/lab/lm.git && cd lm && git checkout {COMMIT} # and changes that were"
    )
    assert told in page.text
    page, _ = report(tmp_path / "without", **inputs)
    assert "git clone" not in page.text


def test_a_line_that_falls_is_not_drawn_above_itself():
    steps = range(1, 201)
    drawing = line_plot("Loss", [Series("train", steps, [500.0 - step for step in steps])], smooth=True)
    assert drawing is not None
    shown = {step: value for _, _, step, value in drawing.points[0]["points"]}
    assert all(shown[step] == 500 - step for step in range(1, 196))


def test_the_loss_of_every_step_is_drawn_where_it_was_kept(inputs, tmp_path):
    pretrain = tmp_path / "pretrain"
    shutil.copytree(inputs["pretrain"], pretrain)
    tracker = Tracker(pretrain)
    for step in [*range(1, 8), *range(5, 121)]:  # as after a resume
        tracker.keep("losses", ["loss"], [[7 - step / 40]], step)

    def drawn(page: Page) -> list[list[float]]:
        figures = [json.loads(a["data-points"]) for _, a in page.elements if "data-points" in a]
        return figures[0][0]["points"]

    every, _ = report(tmp_path / "every", **inputs | {"pretrain": pretrain})
    logged, _ = report(tmp_path / "logged", **inputs)
    assert [point[2] for point in drawn(every)] == list(range(1, 121))
    assert [point[2] for point in drawn(logged)][:3] == [10, 20, 30]


def test_a_conversation_is_shown_turn_by_turn(whole):
    page, _ = whole
    roles = page.text.index("user"), page.text.index("What a tag.")
    assert HOSTILE in page.text[roles[0] : roles[1]]
    assert [a for tag, a in page.elements if a.get("class") == "prompt turns"] == [{"class": "prompt turns"}]


def test_texts_of_corpora_and_models_stay_text(whole):
    page, _ = whole
    assert page.text.count(HOSTILE) >= 10  # predictions, samples, the model card
    assert not {"img", "iframe", "object", "link"} & {tag for tag, _ in page.elements}
    assert [tag for tag, _ in page.elements].count("script") == 1


def test_the_page_allows_its_own_script_alone(whole, inputs, tmp_path):
    page, _ = whole
    [policy] = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    report(tmp_path, **inputs)
    [script] = re.findall(r"<script>(.*?)</script>", (tmp_path / "report.html").read_text(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.endswith(f"script-src 'sha256-{digest}'")


def test_a_reader_who_points_at_a_plot_is_told_the_values(whole):
    page, _ = whole
    figures = [json.loads(a["data-points"] or "") for _, a in page.elements if "data-points" in a]
    train, validation = figures[0]
    assert (train["label"], validation["label"]) == ("train", "validation")
    assert [step for _, _, step, _ in validation["points"]] == [50, 100, 150, 200, 250]
    xs, ys = [x for x, _, _, _ in train["points"]], [y for _, y, _, _ in train["points"]]
    assert xs == sorted(xs)
    assert min(xs) > 0
    values = [value for *_, value in train["points"]]
    assert (ys[0] < ys[-1]) == (values[0] > values[-1]), "y runs from the top"


def test_a_model_below_its_bigram_is_called_so_with_the_reason(inputs):
    stages = {stage.name: stage for stage in read_stages(inputs)}
    worse = [
        Result(m, "bits_per_byte", v, None, None, 1, "", of_text=True, better="lower", title="Bits per byte")
        for m, v in {"pretrain": 2.2, "bigram": 2.1}.items()
    ]
    text = judge(worse, stages["pretrain"])
    assert text.startswith("On held-out text, a single document, it has 2.20 bits per byte, and counts")
    assert "counts of pairs of tokens (2.10) in the corpus's training text do better" in text
    assert "0.098 tokens per parameter" in text
    assert "train it for longer, or train a smaller model." in text
    tokens = 20 * stages["pretrain"].metrics["parameters"]
    assert judge(worse, stages["pretrain"], tokens / 16).endswith(
        "train it for longer, or train a smaller model."
    )
    text = judge(worse, stages["pretrain"], tokens / 255)
    assert "That would be 255 epochs of this corpus" in text
    assert text.endswith("bring more text, or train a smaller model.")
    between = [replace(r, value=2.0) if r.model == "pretrain" else r for r in worse]
    between.append(replace(worse[1], model="trigram", value=1.8))
    text = judge(between, stages["pretrain"])
    assert "5% lower than counts of pairs of tokens in the same text (2.10)" in text
    assert "counts of triples of tokens (1.80) still do better" in text


def test_the_best_of_a_row_is_explained_where_there_are_several(tmp_path):
    for models in (["pretrain"], ["pretrain", "bigram"]):
        root = tmp_path / str(len(models))
        folder = partial(root, "evaluate")
        found = [Result(m, "perplexity", 9.0, 8.0, 10.0, 9, "", of_text=True, better="lower") for m in models]
        write_results(folder, shown(found, {"perplexity": Figure("Perplexity")}))
        page, _ = report(root / "report", evaluate=artifact(root, "evaluate", {}, {}))
        assert ("the best of a row in bold" in page.text) == (len(models) > 1)


def test_what_is_exported_is_what_the_page_begins_with(inputs, tmp_path):
    """And not the weights of the last step, where others are exported."""
    evaluate = tmp_path / "evaluate"
    shutil.copytree(inputs["evaluate"], evaluate)
    rows = json.loads((evaluate / "results.json").read_text())
    early = [{**row, "model": "step 20", "value": 1.5} for row in rows if row["model"] == "pretrain"]
    (evaluate / "results.json").write_text(json.dumps([*rows, *early]))
    write_choice(evaluate, Choice("step 20", "the training step 20", {20: 1.0}))
    alone = {name: folder for name, folder in inputs.items() if name != "finetune"}
    page, _ = report(tmp_path, **alone | {"evaluate": evaluate})
    summary = page.text.partition("stages in")[0]
    assert "Exported is the training step 20, and so are the figures." in summary
    assert "1.50 perplexity per word" in summary or "1.50 bits per byte" in summary


def test_the_warm_up_is_drawn_though_the_log_misses_it(tmp_path):
    folder = partial(tmp_path, "pretrain")
    for step in (10, 20):
        Tracker(folder).log({"train/loss": 1.0, "train/lr": 0.1}, step)
    config = {"optim": {"lr": 0.1}, "schedule": {"name": "linear", "warmup": 4}}
    made = artifact(tmp_path, "pretrain", {"steps": 20}, config)
    page, _ = report(tmp_path / "report", pretrain=made)
    rate = [json.loads(a["data-points"] or "") for _, a in page.elements if "data-points" in a][1][0]
    assert [value for *_, value in rate["points"]][:5] == [0.025, 0.05, 0.075, 0.1, 0.1]


def test_each_learning_rate_and_the_scale_of_the_loss_are_told(tmp_path):
    folder = partial(tmp_path, "pretrain")
    for step in (10, 20):
        Tracker(folder).log({"train/loss": 1.0, "train/lr": 0.1, "train/muon_lr": 0.2}, step)
    optim = {"lr": 0.1, "muon_lr": 0.2, "embedding_lr": None, "weight_decay": 0.1}
    config = {"optim": optim, "schedule": {"name": "linear", "warmup": 4}}
    page, _ = report(tmp_path / "report", pretrain=artifact(tmp_path, "pretrain", {"steps": 20}, config))
    rates = [json.loads(a["data-points"] or "") for _, a in page.elements if "data-points" in a][1]
    assert [(line["label"], max(value for *_, value in line["points"])) for line in rates] == [
        ("lr", 0.1),
        ("muon_lr", 0.2),
    ]
    assert "Loss nats per token, log scale" in page.text


def test_a_long_noisy_line_is_smoothed():
    steps = range(400)
    [line] = line_plot("Loss", [Series("", steps, [3 + step % 2 for step in steps])], smooth=True).points
    assert all(3.3 < value < 3.7 for *_, value in line["points"][50:])


def test_nothing_is_fetched(whole):
    page, _ = whole
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    targets = [
        value
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "data")
    ]
    # It is handed on alone, so whatever a link leads to is on the page itself.
    places = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert set(targets) <= {f"#{place}" for place in places}


def test_the_cards_are_on_the_page(whole, inputs):
    page, _ = whole
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert {"#data-card", "#model-card"} <= {*links}
    assert " ".join((inputs["clean"] / "data_card.md").read_text().split()) in page.text
    assert "Model card # Card" in page.text


@pytest.mark.parametrize(
    ("url", "shown"), [("https://wandb.example/run", True), ("javascript:alert(1)", False)]
)
def test_a_link_to_wandb_is_only_made_of_a_web_address(url, shown, tmp_path):
    tracking = {"backend": "wandb", "id": "abc123", "url": url}
    folder = artifact(tmp_path, "shards", {"train_tokens": 5}, tracking=tracking)
    page, _ = report(tmp_path / "report", shards=folder)
    links = [a["href"] for tag, a in page.elements if tag == "a" and ":" in (a["href"] or "")]
    assert links == ([url] if shown else [])


def test_without_any_input_there_is_a_page(tmp_path):
    page, metrics = report(tmp_path, title="Nothing yet")
    assert "Nothing yet" in page.text
    assert metrics["figures"] == 0


@pytest.mark.parametrize("absent", ["download", "clean", "tokenizer", "evaluate", "export"])
def test_each_input_may_be_absent(absent, inputs, tmp_path):
    left = {name: folder for name, folder in inputs.items() if name not in (absent, "pretrain", "finetune")}
    page, _ = report(tmp_path, **left)
    assert "Pretraining" not in page.text
    assert ("Tokenizer" in page.text) == (absent != "tokenizer")
    assert ("Predictions" in page.text) == (absent != "evaluate")


def test_empty_folders_leave_their_parts_out(tmp_path):
    folders = {name: tmp_path / name for name in STAGES if name != "report"}
    for folder in folders.values():
        folder.mkdir()
    page, metrics = report(tmp_path / "report", **folders)
    assert "Pretraining" not in page.text
    assert metrics["figures"] == 0


def test_metrics_that_are_no_numbers_leave_gaps(tmp_path):
    folder = partial(tmp_path, "pretrain")
    tracker = Tracker(folder)
    for step, loss in ((1, 9.0), (2, math.nan), (3, math.inf), (4, 3.0)):
        tracker.log({"train/loss": loss, "train/lr": 0.1}, step)
    made = artifact(tmp_path, "pretrain", {"validation_loss": math.nan, "validation_perplexity": math.nan})
    page, metrics = report(tmp_path / "report", pretrain=made)
    assert "train 3.00" in page.text
    assert metrics["figures"] == 2


def test_what_a_model_tells_beside_its_loss_has_a_plot(tmp_path):
    folder = partial(tmp_path, "finetune")
    tracker = Tracker(folder)
    for step in (1, 2, 3):
        tracker.log({"train/loss": 1.0, "train/chosen_reward": step / 10}, step)
    tracker.log({"validation/loss": 1.0, "validation/chosen_reward": 0.4, "validation/part_loss": 1.0}, 3)
    made = artifact(tmp_path, "finetune", {"validation_loss": 1.0})
    page, metrics = report(tmp_path / "report", finetune=made)
    assert "Chosen reward" in page.text
    assert "nats per token" not in page.text  # the loss is of pairs, then
    assert metrics["figures"] == 2


def base_run(root: Path) -> Path:
    """A pretraining of another run in the store, with what it was made from; returns its artifact."""
    made: dict[str, str] = {}
    for stage, inputs in (("clean", ()), ("shards", ("clean",)), ("pretrain", ("shards",))):
        folder = root / "artifacts" / stage / f"own-{len(made):016x}"
        folder.mkdir(parents=True)
        spec = {
            "stage": stage,
            "plugins": [],
            "config": {},
            "input_fingerprints": {name: made[name] for name in inputs},
        }
        (folder / "stage.yaml").write_text(yaml.safe_dump(spec))
        (folder / "manifest.json").write_text(json.dumps({"metrics": {"steps": 9}, "outputs": {}}))
        made[stage] = folder.name.removeprefix("own-")
    (root / f"artifacts/clean/own-{0:016x}/stats.json").write_text(
        json.dumps({"sources": [{"name": "letters"}]})
    )
    (folder / "model").mkdir()
    (folder / "model/model.json").write_text("{}")
    return folder


def test_a_fine_tuning_of_other_weights_says_of_which_and_on_what(tmp_path):
    """Without the places of this machine."""
    base = base_run(tmp_path)
    (tmp_path / "talks.jsonl").touch()
    data = {"train": [str(tmp_path / "talks.jsonl")]}
    config = {"finetune": {"task": "instruct", "init": str(base), "data": data}}
    partial(tmp_path, "finetune")
    made = artifact(tmp_path, "finetune", {"steps": 5, "examples": 220}, config)
    page, _ = report(tmp_path / "report", finetune=made)
    assert "own (pretrained on letters) was fine-tuned (instruct) on talks.jsonl (220 examples)." in page.text
    assert str(tmp_path) not in (tmp_path / "report/report.html").read_text()
    assert "…/talks.jsonl" in page.text


def test_scores_of_answers_come_with_what_keeps_them_from_telling_much(tmp_path):
    """Few test examples, answers that were in the training examples, and predictions that were cut off."""
    base = base_run(tmp_path)
    (base / "manifest.json").write_text(json.dumps({"metrics": {"headline": "validation perplexity 167.3"}}))

    def page(name: str, n: int, known: int, cut_off: int, cut: int) -> str:
        root = tmp_path / name
        partial(root, "finetune")
        figures = {"steps": 5, "examples": 220, "test_examples": n, "known_answers": known}
        figures |= {"cut_prompts": cut, "cut_responses": 8}
        finetune = artifact(root, "finetune", figures, {"finetune": {"task": "instruct", "init": str(base)}})
        folder = partial(root, "evaluate")
        bleu = Result("finetune", "bleu", 86.0, 77.1, 94.7, n, "")
        ends = Result("finetune", "cut_off_predictions", cut_off, None, None, n, "")
        short = replace(ends, name="shortened_prompts", value=9)
        figures_of = {"bleu": Figure("BLEU", "BLEU {:.1f}"), ends.name: Figure(""), short.name: Figure("")}
        write_results(folder, shown([bleu, ends, short], figures_of))
        config = {"evaluate": {"confidence": 0.95, "decode": {"max_new_tokens": 32}}}
        evaluate = artifact(root, "evaluate", {}, config)
        return report(root / "report", finetune=finetune, evaluate=evaluate)[0].text

    text = page("doubtful", n=24, known=21, cut_off=23, cut=57)
    assert (
        "Too long for the model's context, of 220 training examples 57 prompts lost their first turns or their middle. "
        "Of its 24 test prompts 9 were too long, too" in text
    )
    assert "own (pretrained on letters, validation perplexity 167.3) was fine-tuned (instruct)" in text
    assert "; on its 24 test examples it reaches BLEU 86.0." in text
    assert (
        "88% of the test examples have an answer that stands word for word in the training examples" in text
    )
    assert (
        "Of its 24 answers 23 were cut off at the longest length (evaluate.decode.max_new_tokens=32)" in text
    )
    assert (
        "24 examples tell little about others: the 95% confidence interval of BLEU goes from 77.10 to 94.70."
        in text
    )
    assert "77.10 to 94.70 (95% confidence interval)" in text
    text = page("sound", n=200, known=21, cut_off=23, cut=9)
    assert "; on its 200 test examples it reaches BLEU 86.0." in text
    assert not re.search("Too long|too long, too|word for word|at the longest length|tell little", text)


def test_sample_texts_are_said_to_be_of_the_model_that_wrote_them(inputs, tmp_path):
    evaluate = tmp_path / "evaluate"
    shutil.copytree(inputs["evaluate"], evaluate)
    manifest = json.loads((evaluate / "manifest.json").read_text())
    manifest["metrics"]["sample_of"] = "the pretrained model"
    (evaluate / "manifest.json").write_text(json.dumps(manifest))
    page, _ = report(tmp_path / "both", **inputs | {"evaluate": evaluate})
    assert "Prompts in bold, continued by the pretrained model, before it was fine-tuned." in page.text
    assert "metric pretrained fine-tuned bigram" in page.text, "the table's columns"
    page, _ = report(tmp_path / "alone", pretrain=inputs["pretrain"], evaluate=evaluate)
    assert "Prompts in bold, continued by the pretrained model." in page.text


def test_weights_that_are_only_measured_are_not_called_trained(tmp_path):
    base = base_run(tmp_path)
    folder = partial(tmp_path, "pretrain")
    write_initial(folder, base.name, 300)
    config = {"model": {"family": "llama"}, "pretrain": {"init": str(base)}}
    made = artifact(tmp_path, "pretrain", {"parameters": 9, "steps": 0, "tokens": 0}, config)
    page, _ = report(tmp_path / "report", pretrain=made)
    told = "the weights of own (pretrained on letters), measured as they are and not trained."
    assert f"A llama with 9 parameters: {told}" in page.text
    assert "training time" not in page.text
    assert "trained further" not in page.text
    stages = {stage.name: stage for stage in read_stages({"pretrain": made})}
    worse = [
        Result(m, "bits_per_byte", v, None, None, 9, "", of_text=True, better="lower", title="Bits per byte")
        for m, v in {"pretrain": 2.2, "bigram": 2.1}.items()
    ]
    assert judge(worse, stages["pretrain"]).endswith("training text do better.")


def test_samples_are_chosen_over_the_whole_training(inputs, tmp_path):
    page, _ = report(tmp_path, most=2, pretrain=inputs["pretrain"])
    assert re.findall(r"step (\d+) Return", page.text) == ["50", "250"]


def test_of_a_long_prompt_the_end_is_shown_and_all_that_the_model_wrote(tmp_path):
    folder = partial(tmp_path, "finetune")
    metrics = log_training(folder, 60, 2048)
    prompt = f"user: Who?\n\nassistant: {sentence(1) * 20}\n\nuser: Goodbye\n\nassistant: "
    Tracker(folder).table("samples", ["prompt", "continuation"], [[prompt, "Mrk. " * 40]], 60)
    page, _ = report(tmp_path / "report", finetune=artifact(tmp_path, "finetune", metrics))
    assert f"step 60 … user: Goodbye assistant: {'Mrk. ' * 40}" in page.text


def test_cells_of_wide_tables_say_of_which_column_they_are(whole):
    """On a phone each row is a block, without the columns' names above."""
    page = whole[0]
    rows: list[list[str | None]] = []
    wide = False
    for tag, attributes in page.elements:
        if tag == "table":
            wide = "stack" in (attributes.get("class") or "")
        elif tag == "tr" and wide:
            rows.append([])
        elif tag == "td" and wide:
            rows[-1].append(attributes.get("data-label"))
    labels = {label for row in rows for label in row[1:]}
    assert {"pretrained", "fine-tuned", "n", "signature", "value", "default"} <= labels
    assert None not in labels
    assert not any(label for row in rows for label in row[:1]), "the first is the block's title"


def test_long_runs_stay_small(tmp_path):
    folder = partial(tmp_path, "pretrain")
    tracker = Tracker(folder)
    for step in range(1, 5001):
        tracker.log({"train/loss": 10 / step**0.1}, step)
    _, metrics = report(tmp_path / "report", pretrain=artifact(tmp_path, "pretrain", {}))
    assert metrics["megabytes"] < 0.1


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (duration, 3.21, "3.2 s"),
        (duration, 59.7, "1 min 0 s"),
        (duration, 192, "3 min 12 s"),
        (duration, 7_500, "2 h 5 min"),
        (size, 999, "999 B"),
        (size, 1_234_567, "1.2 MB"),
        (number, 1234.5, "1,234"),
        (number, 181.24, "181.2"),
        (number, 0.0000021, "2.1e-06"),
        (number, 0.0018, "0.0018"),
        (number, 0.0123, "0.012"),
        (number, 0.0, "0"),
        (number, math.nan, "–"),
        (compact, 5_243_904, "5.24M"),
        (compact, 250, "250"),
        (compact, 0.003, "0.003"),
        (compact, 0.00015, "1.5e-4"),
        (compact, 3300.5, "3,300"),
    ],
)
def test_figures_in_words(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    ("stage", "name", "content"),
    [
        ("evaluate", "results.json", "garbage"),
        ("evaluate", "results.json", '{"a": 1}'),
        ("evaluate", "results.json", "[7]"),
        ("evaluate", "results.json", '[{"name": "rouge1"}]'),
        ("evaluate", "checkpoints.json", "[7]"),
        ("evaluate", "checkpoints.json", '[{"kind": "average", "steps": [3]}]'),
        ("clean", "stats.json", "{}"),
    ],
)
def test_what_is_damaged_is_told_and_not_left_out(tmp_path, stage, name, content):
    (tmp_path / stage).mkdir()
    (tmp_path / stage / name).write_text(content)
    with pytest.raises(UserError, match=f"{name} is damaged: .*delete the folder"):
        report(tmp_path / "report", **{stage: tmp_path / stage})


def test_what_training_changed_in_the_weights_that_it_started_from(tmp_path):
    folder = partial(tmp_path, "pretrain")
    write_initial(folder, "gpt-small", 300)
    for step, old, new in ((0, 2.0, 4.0), (10, 2.5, 3.0)):
        parts = {"validation/old_loss": old, "validation/new_loss": new}
        Tracker(folder).log({"validation/loss": (old + new) / 2, **parts}, step)
    page, _ = report(
        tmp_path / "report", pretrain=artifact(tmp_path, "pretrain", {"steps": 10, "tokens": 100})
    )
    assert "It starts from the weights of gpt-small" in page.text
    assert "old 2.00 2.50 +0.500 new 4.00 3.00 -1.000 all of it 3.00 2.75 -0.250" in page.text
