"""Two runs beside each other."""

import json
import math
import re
from dataclasses import replace
from html import unescape

import pytest
import sacrebleu
from rich.console import Console
from sacrebleu.significance import PairedTest

from eval.compare import CompareSettings, compare, main
from eval.comparison.common_examples import common_examples
from eval.comparison.evaluated_run import find_run
from eval.comparison.figures import Row, compare_figures
from eval.comparison.side_by_side import side_by_side
from eval.comparison.significance import Draws, Recorder, compare_systems
from eval.metrics import score_texts
from eval.reporting.report_plots import Series, line_plot
from eval.results import PERPLEXITIES, Result
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError
from tests.eval.evaluated_runs import GOOD, POOR, REFERENCES, sentences

DRAWS = Draws(300, 0.95, 1)


@pytest.mark.parametrize("kind", ["bs", "ar"])
def test_both_tests_are_sacrebleus(kind, monkeypatch):
    monkeypatch.setenv("SACREBLEU_SEED", "7")
    metrics = {
        "bleu": sacrebleu.metrics.BLEU(force=True),
        "chrf": sacrebleu.metrics.CHRF(),
        "ter": sacrebleu.metrics.TER(),
    }
    systems = [("good", GOOD), ("poor", POOR)]
    _, table = PairedTest(systems, metrics, [REFERENCES], test_type=kind, n_samples=100, n_jobs=1)()
    theirs = {name.lower().rstrip("2"): results[1] for name, results in table.items() if name != "System"}

    recorder = Recorder(100, 0.95, 7)
    texts = GeneratedTexts([*GOOD, *POOR], [[row] for row in REFERENCES * 2], recorder, "greedy")
    for result in score_texts(texts, EvaluateConfig(metrics=[*metrics])):
        found = compare_systems(recorder.statistics[result.name], len(GOOD), Draws(100, 0.95, 7))
        expected = theirs[result.name]
        assert result.other == pytest.approx(expected.score)
        assert found.difference == pytest.approx(result.other - result.value)
        ours = found.bootstrap_p if kind == "bs" else found.randomization_p
        # Theirs are sums in single precision.
        assert ours == pytest.approx(expected.p_value, abs=1.01 / 101)
        assert found.low < found.difference < found.high


def test_what_is_equal_is_never_sure():
    same = compare_systems(lambda rows: float((rows % 6 > 3).mean()), 6, Draws(100, 0.95, 1))
    assert (same.difference, same.bootstrap_p, same.randomization_p) == (0, 1, 1)
    assert compare_systems(lambda rows: 1.0, 1, Draws(100, 0.95, 1)) is None


def test_examples_are_matched_by_what_they_are():
    rows = [{"prompt": f"p{n}", "references": [f"r{n}"], "prediction": str(n)} for n in range(4)]
    assert common_examples(rows, rows).words == ""
    some = common_examples(rows[:3], rows[1:])
    assert [row["prompt"] for row in some.first] == ["p1", "p2"]
    assert some.words.startswith("2 of 3 and 3 test examples are in both")
    other = [{**row, "prompt": f"<{row['prompt']}>"} for row in rows]
    assert "matched by order" in common_examples(rows, other).words
    none = common_examples(rows, [{**row, "references": ["x"]} for row in rows])
    assert none.first == []
    assert "cannot be compared" in none.words


def rows_of(first, second):
    rows, common = compare_figures(first, second, DRAWS)
    return {row.known.name: row for row in rows}, common


def test_figures_side_by_side(runs):
    rows, common = rows_of(runs("good"), runs("poor", POOR, loss=4.0))
    assert rows["perplexity"].better == "first"  # less is better
    assert rows["perplexity"].significance.difference == pytest.approx(math.exp(4) - math.exp(3), rel=0.05)
    assert rows["bits_per_byte"].significance.randomization_p < 0.01
    assert rows["bleu"].better == "first"
    assert rows["bleu"].significance.difference < 0
    assert max(rows["bleu"].significance.randomization_p, rows["bleu"].significance.bootstrap_p) < 0.05
    assert rows["distinct1"].is_sure is None
    assert len(common.first) == len(GOOD)
    same, _ = rows_of(runs("again"), runs("once_more"))
    assert same["bleu"].better is same["perplexity"].better is None
    assert same["bleu"].significance.randomization_p == 1


def test_what_cannot_be_compared_is_told(runs):
    rows, common = rows_of(runs("one"), runs("two", references=sentences(9), corpus="d", tokenizer="u"))
    assert rows["perplexity"].note == "different texts"
    assert "bleu" not in rows
    assert "no example in common" in common.words
    three, four = runs("three"), runs("four", tokenizer="u", loss=9.0)
    tokens, _ = rows_of(three, four)
    assert tokens["perplexity"].note == "different tokenizers"
    assert tokens["perplexity"].better is None
    assert tokens["bits_per_byte"].better == "first"
    for run in (three, four):
        (run.evaluate / "documents.jsonl").unlink()
    older, _ = rows_of(replace(three), replace(four))  # read anew
    assert older["bits_per_byte"].significance is None
    assert older["bits_per_byte"].better == "first"  # the intervals do not overlap


def test_text_that_was_cut_is_other_text(runs, tmp_path, capsys):
    whole, part = runs("whole", loss=2.0), runs("part", documents=12, perplexity={"max_tokens": 400})
    for rows in (rows_of(whole, part)[0], rows_of(part, whole)[0]):
        for name in PERPLEXITIES:
            assert (rows[name].note, rows[name].comparable) == ("different texts", False)
            assert rows[name].better is rows[name].significance is None
    main(["whole", "part", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    told = " ".join(capsys.readouterr().out.split())
    assert "Bits per byte pretrained 2.00 3.00 – " in told
    assert "not comparable: different texts: Perplexity per token (pretrained); Perplexity per word" in told
    page = (tmp_path / "page.html").read_text()
    row = re.search(r"<tr><td>Bits per byte.*?</tr>", page, re.DOTALL)[0]
    assert re.search(r'data-label="difference">not comparable: different texts<', row)
    assert "<b>" not in row
    assert "+1.0" not in row
    # Of another tokenizer as many tokens are another part of the text; without documents.jsonl the settings tell.
    other = runs("other", tokenizer="u", perplexity={"max_tokens": 400})
    for run in (whole, part, other):
        (run.evaluate / "documents.jsonl").unlink()
    for pair in ((whole, part), (part, other)):
        rows, _ = rows_of(*map(replace, pair))
        assert rows["bits_per_byte"].note == "different texts"


def test_windows_that_were_set_otherwise_cannot_be_compared_and_those_of_the_models_are_told(runs):
    short, long = runs("short"), runs("long", loss=2.0, window=128)
    rows, _ = rows_of(short, long)
    assert rows["bits_per_byte"].note == "they read 64 and 128 tokens at once"
    assert rows["bits_per_byte"].better == "second"
    rows, _ = rows_of(short, runs("set", loss=2.0, window=128, perplexity={"context": 128}))
    assert rows["bits_per_byte"].note == "context: 64 and 128"
    assert rows["bits_per_byte"].better is None


def test_a_lead_that_may_come_of_unknown_tokens_is_told_and_not_marked(runs, tmp_path):
    bpe, char = runs("bpe", loss=3.0), runs("char", loss=2.0, tokenizer="u", unknown="1.10%")
    rows, _ = rows_of(bpe, char)
    for name in ("bits_per_byte", "word_perplexity"):
        assert rows[name].note == (
            "1.10% of the tokens of char are unknown and none of those of bpe; which characters these are need not be "
            "predicted, so char looks better than it is and is not marked as better"
        )
        assert rows[name].is_sure
        assert rows[name].better is None
    poor = runs("poor", loss=4.0, tokenizer="v", unknown="0.20%")
    rows, _ = rows_of(poor, char)
    assert rows["bits_per_byte"].note.startswith(
        "1.10% of the tokens of char are unknown and 0.20% of those of poor"
    )
    assert rows["bits_per_byte"].better is None
    assert rows_of(poor, bpe)[0]["bits_per_byte"].better == "second", "in spite of them"
    few, _ = rows_of(bpe, runs("few", loss=2.0, tokenizer="w", unknown="0.05%"))
    assert few["bits_per_byte"].better == "second"
    assert few["bits_per_byte"].note.endswith("so few looks better than it is")
    for others, marked in (({"char": char, "poor": poor}, None), ({"poor": poor}, "3.00")):
        compared = {name: compare_figures(bpe, other, DRAWS)[0] for name, other in others.items()}
        table = Console(record=True, width=120, force_terminal=True)
        table.print(side_by_side("bpe", compared))
        [line] = [each for each in table.export_text(styles=True).splitlines() if "Bits per byte" in each]
        assert re.findall(r"\x1b\[1;32m([\d.]+)", line) == ([marked] if marked else [])


def figure(signature, name="accuracy", model="best", value=50.0, **facts):
    return Result(model, name, value, value - 1, value + 1, 9, signature, title=name, **facts)


@pytest.mark.parametrize(
    ("ours", "theirs", "comparable", "note"),
    [
        ("labels:3|bs:1000|ci:0.95|seed:1", "labels:3|bs:200|ci:0.9|seed:2", True, ""),
        ("labels:3", "labels:4", False, "labels: 3 and 4"),
        ("tok:13a|decoding:greedy", "tok:zh|decoding:greedy", False, "tok: 13a and zh"),
        (
            "tok:13a|decoding:greedy,max_new_tokens=24",
            "tok:13a|decoding:beam,max_new_tokens=32",
            True,
            "their texts were decoded differently: greedy,max_new_tokens=24 and beam,max_new_tokens=32",
        ),
        ("method|labels:3", "labels:3", False, "method: yes and none"),
    ],
)
def test_what_of_the_signatures_differs_says_whether_figures_can_be_compared(
    runs, ours, theirs, comparable, note
):
    first = runs("first", others=[figure(ours)])
    rows, _ = rows_of(first, runs("second", others=[figure(theirs, value=60.0)]))
    row = rows["accuracy"]
    assert (row.comparable, row.note, row.better) == (comparable, note, "second" if comparable else None)


def test_the_test_examples_matter_to_the_task_alone(runs):
    def measured(name, value, **settings):
        return runs(
            name,
            others=[
                figure("labels:3", value=value),
                figure("lm-eval:1|tokenizer:t", "acc", value=value, file="arc", benchmark=True),
                figure("split:train|prefix:50|tokens:50", "memorized", "pretrain", value=value),
                figure("format:pin|secrets:9", "exposure_4", "pretrain", value=value),
                figure("likert:1-5|sheet:s|raters:1", "human_rating", "finetune", value=value),
            ],
            **settings,
        )

    rows, _ = rows_of(measured("one", 50.0), measured("two", 60.0, references=sentences(9), corpus="d"))
    notes = {name: rows[name].note for name in ("accuracy", "acc", "memorized", "exposure_4", "human_rating")}
    assert notes == {
        "accuracy": "different test examples",
        "acc": "",
        "memorized": "different training texts",
        "exposure_4": "",
        "human_rating": "",
    }
    assert rows["acc"].better == "second"


def test_the_decoding_is_told_of_texts_that_are_scored_again(runs):
    def decoded(name, how):
        return runs(name, others=[figure(f"tok:x|decoding:{how}", "bleu", "finetune")])

    rows, _ = rows_of(decoded("one", "greedy"), decoded("two", "beam"))
    assert rows["bleu"].note == "their texts were decoded differently: greedy and beam"
    assert rows["bleu"].significance is not None


def test_the_page_and_the_table(runs, tmp_path):
    first, second = runs("good"), runs("poor", POOR, tokenizer="u", loss=4.0)
    console = Console(record=True, width=120)
    file = tmp_path / "deep" / "page.html"
    assert compare(first, [second], CompareSettings(page=str(file), resamples=200), console) == [file]
    table = console.export_text()
    assert "BLEU" in table
    assert "not comparable: different tokenizers: Perplexity per token (pretrained)" in table
    narrow = Console(record=True, width=80)
    compare(first, [second], CompareSettings(page=str(file), resamples=200), narrow)
    rows = narrow.export_text().splitlines()
    assert [line.split()[-1] for line in rows if line.startswith("BLEU")] != ["BLEU"], "a row is a line"
    assert rows[0].split() == ["metric", "model", "good", "poor", "diff.", "p", "boot.", "p", "rand."]
    page = file.read_text()
    assert page.count("<figure") == 2  # losses and learning rates; nobody validated
    assert "losses are in other units" in page
    assert "intervals of 95%. BLEU goes to 100.</p>" in page
    assert "cat of good" in page
    assert "cat of poor" in page
    assert page.count("<script>") == 1, "its own"
    assert "write 0 &lt;script&gt;" in page


def test_a_conversation_is_shown_as_its_turns(runs, tmp_path):
    for run in (runs("one"), runs("two")):
        turns = [{"role": "user", "content": "What is up?"}, {"role": "assistant", "content": "All's well."}]
        row = {
            "prompt": "<|user|>What is up?<|end|>",
            "prediction": "Bye",
            "references": ["Bye"],
            "turns": turns,
        }
        text = "".join(
            json.dumps(each) + "\n" for each in (row, {**row, "prediction": "Go on", "cut_off": True})
        )
        (run.evaluate / "predictions.jsonl").write_text(text)
    main(["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    shown = (tmp_path / "page.html").read_text().partition("<h2>Predictions</h2>")[2]
    assert "<|user|>" not in unescape(shown)
    told = " ".join(unescape(re.sub("<[^>]*>", " ", shown.partition("</article>")[0])).split())
    assert (
        "user What is up? assistant All's well. one ✓ as expected Bye two ✓ as expected Bye Reference Bye"
        in told
    )
    assert shown.count("cut off") == 2


def test_the_learning_rates_are_drawn_as_the_schedule_has_them_with_their_last_values(runs, tmp_path):
    words = [f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"]
    schedule = {"name": "linear", "warmup": 4, "min_ratio": 0}
    runs("one", config={"optim": {"lr": 0.002}, "schedule": schedule})
    runs("two", config={"optim": {"lr": 0.001}, "schedule": {**schedule, "min_ratio": 0.15}})
    main(["one", "two", *words])
    page = (tmp_path / "page.html").read_text()
    [figure] = re.findall(
        r'<figure[^>]*data-points="([^"]*)">\s*<figcaption>Learning rate(.*?)</figcaption>', page, re.DOTALL
    )
    points = {
        line["label"]: [value for *_, value in line["points"]] for line in json.loads(unescape(figure[0]))
    }
    assert [len(points["one"]), *points["one"][:5]] == [50, 0.0005, 0.001, 0.0015, 0.002, 0.002]
    assert max(points["two"]) == 0.001
    assert re.findall(r">(one|two) ([^<]*)<", figure[1]) == [("one", "0"), ("two", "1.5e-04")]
    runs("older", config={"optim": {"lr": 0.002}, "schedule": {**schedule, "unknown_today": 1}})
    main(["one", "older", *words])
    assert ">older 0.002<" in (tmp_path / "page.html").read_text(), "as it was logged"


@pytest.mark.parametrize(("documents", "there"), [(1, "is a single one"), (5, "has only 5")])
def test_of_few_documents_nothing_is_tested_and_no_value_stands_out(runs, tmp_path, capsys, documents, there):
    words = ["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"]
    for name, loss in (("one", 3.0), ("two", 2.0)):
        runs(name, loss=loss, documents=documents)
    main(words)
    told = " ".join(capsys.readouterr().out.split())
    why = f"the text {there}, where fewer than 6 cannot tell a difference from chance"
    assert f"tests draw among documents, and {why}: Perplexity per token (pretrained);" in told
    metrics = (tmp_path / "page.html").read_text().partition("Settings that differ")[0]
    row = re.search(r"<tr><td>Bits per byte.*?</tr>", metrics, re.DOTALL)[0]
    assert "<b>" not in row
    assert "not tested: tests draw among documents" in row
    assert "right" not in row


def test_how_many_documents_and_examples_are_tested_is_told(runs, tmp_path, capsys):
    for name, loss in (("one", 3.0), ("two", 2.0)):
        runs(name, loss=loss, documents=6)
    main(["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}"])
    said = (
        "The tests draw among 6 documents and 40 test examples; a difference counts where both give p < 0.05."
    )
    assert said in " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "page.html").read_text()
    assert said in unescape(page)
    row = re.search(r"<tr><td>Bits per byte.*?</tr>", page, re.DOTALL)[0]
    assert "<b>2.00</b>" in row, "of six documents, all of which agree, it is sure"


def test_a_comparison_lists_the_settings_that_differ(runs, tmp_path, capsys):
    words = [f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"]
    optim, model = {"name": "adamw", "lr": 0.003}, {f"width_{n}": 1 for n in range(9)}
    runs("base", config={"seed": 1, "optim": optim})
    runs("hot", loss=2.0, config={"seed": 1, "optim": {**optim, "lr": 0.01}})
    runs("other", config={"seed": 2, "optim": optim, "model": model})
    main(["base", "hot", *words])
    told = capsys.readouterr().out
    assert "settings that differ, base → hot:\n  optim.lr  0.003 → 0.01\n" in told
    page = (tmp_path / "page.html").read_text()
    values = '<td data-label="base"><code>0.003</code></td><td data-label="hot"><code>0.01</code></td>'
    assert f"<td><code>optim.lr</code></td>{values}" in page
    assert "<code>seed</code>" not in page
    assert page.count("<b>2.00</b>") == 3, "each perplexity that is surely better"
    assert "<b>3.00</b>" not in page
    runs(
        "tuned",
        config={"seed": 1, "finetune": {"task": "instruct", "init": "base"}},
        stages=("evaluate", "finetune"),
    )
    runs(
        "whole",
        stages=("download", "pretrain", "finetune", "evaluate"),
        config={
            "seed": 3,
            "corpus": {"kind": "files"},
            "pretrain": {"init": None},
            "finetune": {"init": None},
        },
    )
    main(["whole", "tuned", *words])
    told = capsys.readouterr().out
    assert (
        "tuned has no corpus and no pretraining of its own: it was fine-tuned from finetune.init=base."
        in told
    )
    assert "3 → 1" in told
    assert "corpus.kind" not in told
    page = (tmp_path / "page.html").read_text()
    assert "tuned has no corpus" in page
    assert "corpus.kind" not in page
    main(["base", "other", *words])
    told = capsys.readouterr().out
    assert "  seed           1 → 2\n  model.width_0  null → 1\n" in told
    assert "  … and 2 more, on the page" in told
    assert (tmp_path / "page.html").read_text().count("<code>model.width_") == 9


def test_settings_are_compared_of_stages_that_both_runs_have(runs, tmp_path, capsys):
    words = [f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"]
    config = {"seed": 1, "optim": {"lr": 0.1}, "finetune": {"init": "base"}, "export": {"dtype": "fp32"}}
    runs("all", config=config, stages=("pretrain", "evaluate", "export", "report"))
    runs("some", config={**config, "optim": {"lr": 0.2}}, stages=("pretrain", "evaluate"))
    runs("chat", config=config, stages=("finetune", "evaluate", "export"))
    main(["all", "some", *words])
    told = capsys.readouterr().out
    assert "some has no export and no report.\nsettings that differ in what both have, all → some:\n" in told
    assert "optim.lr  0.1 → 0.2\n" in told
    page = (tmp_path / "page.html").read_text()
    assert "some has no export and no report. What differs in what both have:" in page
    for text in (told, page):
        assert "export.dtype" not in text
    main(["chat", "all", *words])
    told = capsys.readouterr().out
    assert (
        "chat has no pretraining and no report of its own: it was fine-tuned from finetune.init=base" in told
    )
    assert "\nall has no fine-tuning.\nall settings of what both have are the same\n" in told


def test_settings_are_those_of_what_was_measured_not_of_a_later_start(runs, tmp_path, capsys):
    config = {"seed": 1, "optim": {"lr": 0.1}, "export": {"dtype": "fp32"}}
    first = runs("first", config=config, stages=("pretrain", "evaluate", "export"))
    second = runs(
        "second", config={**config, "optim": {"lr": 0.2}}, stages=("pretrain", "evaluate", "export")
    )
    begun_anew = runs(
        "anew",
        config={"seed": 1, "optim": {"lr": 0.3}, "export": {"dtype": "bf16"}},
        stages=("pretrain", "evaluate", "export"),
    )
    for stage in ("pretrain", "export"):
        (second.folder / stage).unlink()
        (second.folder / stage).symlink_to(begun_anew.stage(stage))
    assert replace(first).stage("export") is not None
    main(["first", "second", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    told = capsys.readouterr().out
    assert "second has no export.\nsettings that differ in what both have, first → second:\n" in told
    assert "  optim.lr  0.1 → 0.2\n" in told
    assert "0.3" not in told


def test_differences_are_written_as_the_figures_beside_them(runs, tmp_path, capsys):
    for name, loss in (("one", 12.0), ("two", 11.0)):
        runs(name, loss=loss)
    main(["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    told = capsys.readouterr().out
    assert re.search(r"Perplexity per token .* -1\d\d,\d{3} ", told)
    assert re.search(
        r'data-label="difference">-1\d\d,\d{3} <small>-\d+,\d{3} to ', (tmp_path / "page.html").read_text()
    )


def test_each_learning_rate_has_a_plot(runs, tmp_path):
    schedule = {"name": "linear", "warmup": 4, "min_ratio": 0}
    for name, muon_lr in (("one", 0.02), ("two", 0.04)):
        runs(name, config={"optim": {"lr": 0.003, "muon_lr": muon_lr}, "schedule": schedule})
    main(["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r"<figcaption>(Learning rate[^<]*?)\s*<", page) == [
        "Learning rate (lr)",
        "Learning rate (muon_lr)",
    ]


def test_what_is_told_of_a_loss_is_where_its_line_ends(runs, tmp_path):
    first = runs("one")
    runs("two")
    noisy = "".join(json.dumps({"step": n, "loss": 3.0 + n % 2}) + "\n" for n in range(1, 101))
    (first.stage("pretrain") / "tables").mkdir(exist_ok=True)
    (first.stage("pretrain") / "tables/losses.jsonl").write_text(noisy)
    main(["one", "two", f"runs={tmp_path / 'runs'}", f"page={tmp_path / 'page.html'}", "resamples=50"])
    page = (tmp_path / "page.html").read_text()
    points, caption = re.search(
        r'data-points="([^"]*)">\s*<figcaption>Training loss(.*?)</figcaption>', page, re.DOTALL
    ).groups()
    end = json.loads(unescape(points))[0]["points"][-1][-1]
    assert float(re.search(r">one ([\d.]+)<", caption)[1]) == pytest.approx(end, abs=0.005)


def test_labels_of_an_axis_are_told_apart():
    drawing = line_plot("Loss", [Series("", [1, 2], [5.8212, 5.8289])], log_scale=True)
    labels = re.findall(r">(5\.8\d*)<", drawing.svg)
    assert len(labels) == len(set(labels)) >= 4


def test_of_more_than_two_runs_all_figures_stand_side_by_side(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name, loss, tokenizer in (("a1", 3.0, "t"), ("a2", 2.0, "t"), ("a3", 1.0, "u")):
        runs(name, loss=loss, tokenizer=tokenizer)
    main(["a1", "a2", "a3", f"runs={tmp_path / 'runs'}", "resamples=50"])
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split() == ["metric", "model", "a1", "a2", "a3"]
    perplexity = next(line for line in lines if line.startswith("Perplexity")).split()
    assert perplexity[-3:-1] == ["3.00", "2.00"]
    assert perplexity[-1].endswith("*"), "of another tokenizer"
    assert (tmp_path / "comparisons/a1-and-a2.html").is_file()
    assert (tmp_path / "comparisons/a1-and-a3.html").is_file()


def test_the_best_length_ratio_of_several_runs_is_the_nearest_to_100():
    def row(second: float) -> Row:
        first, other = (
            Result("finetune", "length_ratio", value, None, None, 9, "s", title="Ratio", better="nearest_100")
            for value in (60.0, second)
        )
        return Row(first, other)

    table = side_by_side("a", {"b": [row(105.0)], "c": [row(150.0)]})
    assert [next(iter(column.cells)) for column in table.columns[2:]] == [
        "60.00",
        "[bold green]105.0[/bold green]",
        "150.0",
    ]


def test_bad_runs_are_told(runs, tmp_path, capsys):
    good = runs("good")
    (good.evaluate / "results.json").unlink()
    with pytest.raises(UserError, match=r"no run 'godd' in .*; did you mean good\?"):
        find_run("godd", tmp_path / "runs")
    with pytest.raises(UserError, match=r'not evaluated yet.* make evaluate EXP=demo ARGS="run\.name=good"'):
        find_run("good", tmp_path / "runs")
    with pytest.raises(SystemExit):
        main(["good"])
    assert "runs are compared with each other, and 1 is given: good" in capsys.readouterr().err


@pytest.mark.parametrize("between", [",", "，", "、", "　"])
def test_names_between_commas_are_told_to_stand_between_spaces(capsys, between):
    with pytest.raises(SystemExit):
        main([f"good{between}bad", "runs=nowhere"])
    assert (
        f'good{between}bad: spaces stand between the names of runs: RUNS="good bad"'
        in capsys.readouterr().err
    )
