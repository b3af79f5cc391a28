"""The task extract, from SQuAD's json to scores and an export that transformers reads."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from eval.results import Bootstrap
from eval.tasks.answers import Found, answer_results, best_span, best_threshold
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.extract import ExtractDataConfig
from pipeline.errors import UserError
from tests.train.head_tasks import all_stages, card_says, save_base, stage
from train.finetuning.extraction.examples import Window, as_examples, cut_windows
from train.finetuning.extraction.rows import Question, read_questions
from train.finetuning.extraction.span_finder import load_span_finder


def read(path: Path, content: object) -> list[Question]:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return list(read_questions(path, ExtractDataConfig(train=str(path)), Counter()))


def squad(*paragraphs: tuple[str, list[dict]]) -> dict:
    told = [{"context": context, "qas": asked} for context, asked in paragraphs]
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": told}]}


def test_squad_as_it_is_published(tmp_path):
    asked = [
        {
            "id": "1",
            "question": "Who?",
            "answers": [{"text": "Ada", "answer_start": 0}],
            "is_impossible": False,
        },
        {"id": "2", "question": "When?", "answers": [], "is_impossible": True, "plausible_answers": []},
        {"id": "3", "question": "Where?", "answers": [{"text": "London", "answer_start": 3}]},
        {"id": "4", "question": "What?", "answers": [{"text": "Mars", "answer_start": 3}]},
    ]
    who, when, where, what = read(tmp_path / "a.json", squad(("Ada in London", asked)))
    assert who == Question("Who?", ("Ada",), "Ada in London", (0,))
    assert (when.targets, when.flaw) == ((), "")
    assert (where.starts, where.moved) == ((7,), True)
    assert what.flaw == "their answer does not stand in their context"
    with pytest.raises(UserError, match="article 1 is not as SQuAD has it"):
        read(tmp_path / "b.json", {"data": [{"paragraphs": [{"text": "t"}]}]})
    good = squad(("Ada in London", asked))["data"]
    with pytest.raises(
        UserError, match=r"2 faults in .*\n  article 1 is not .*\n  article 3: question and context"
    ):
        read(
            tmp_path / "c.json",
            {"data": [{}, *good, *squad(("Ada", [{"question": 1, "answers": []}]))["data"]]},
        )


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["in"], "answer_start": [4]},
        [{"text": "in", "answer_start": 4}],
        ["in"],
        "in",
    ],
)
def test_rows(tmp_path, answers):
    rows = [{"question": "q", "context": "Ada in London", "answers": answers}]
    assert read(tmp_path / "a.json", rows) == [Question("q", ("in",), "Ada in London", (4,))]
    with pytest.raises(UserError, match="an answer is a text"):
        read(tmp_path / "b.json", [{**rows[0], "answers": [3]}])
    with pytest.raises(UserError, match="the field 'context' is missing"):
        read(tmp_path / "b.json", [{"question": "q", "answers": []}])


def test_xquad(shared_data):
    for language in ("en", "zh"):
        path = shared_data(f"xquad/xquad.{language}.json")
        found = list(read_questions(path, ExtractDataConfig(train=str(path)), Counter()))
        assert len(found) == 1190
        assert not [question for question in found if question.flaw or question.moved]


@pytest.mark.parametrize("reads_both_sides", [True, False])
def test_every_answer_is_whole_in_a_window(reads_both_sides, chat_tokenizer):
    words = [f"w{number}" for number in range(120)]
    context = " ".join(words)
    questions = [Question("which?", (word,), context, (context.index(word),)) for word in words]
    cut = cut_windows(questions, chat_tokenizer, 64, 16, reads_both_sides=reads_both_sides)
    assert cut.cut_contexts == len(questions)
    examples = as_examples(cut.windows, questions, chat_tokenizer, 64)
    seen = set()
    for window, (start, end) in zip(cut.windows, examples.labels, strict=True):
        assert len(window.ids) <= 64
        if start != window.null:
            text = chat_tokenizer.decode(window.ids[start : end + 1]).strip()
            assert text == questions[window.question].targets[0]
            seen.add(window.question)
    assert seen == set(range(len(questions)))
    first = cut.windows[0]
    assert first.null == (0 if reads_both_sides else len(first.ids) - 1)


def test_the_best_span():
    window = Window(0, np.zeros(6, np.int32), 2, np.array([[0, 1], [2, 3], [4, 5]]), 0)
    logits = np.array([[1.0, 2], [9, 9], [0, 0], [5, 1], [0, 4], [0, 0]])
    found = best_span(window, logits, "a b c", 30)
    assert found == Found("b c", 9, 3)
    assert best_span(window, logits, "a b c", 1).text == "b"  # and no longer one
    logits[3:5] = [[0, 5], [5, 0]]
    assert best_span(window, logits, "a b c", 30).score == 5  # no end before its start


def test_scores_of_questions_without_an_answer():
    results = answer_results(
        ["the Ada", "", "x"], [["Ada"], [""], [""]], EvaluateConfig(), Bootstrap(0, 0.95, 0), "d"
    )
    found = {result.name: round(result.value, 6) for result in results}
    assert found == {
        "exact_match": round(200 / 3, 6),
        "f1": round(200 / 3, 6),
        "answerable_exact_match": 100,
        "answerable_f1": 100,
        "unanswerable": 50,
    }


def test_the_best_threshold():
    found = [Found("Ada", 5, 1), Found("x", 3, 2), Found("y", 1, 4), Found("London", 2, 3)]
    results = best_threshold(found, [["Ada"], [""], [""], ["London"]], "d")
    values = {result.name: result.value for result in results}
    # Ada alone answered is right thrice; to answer London, too, x is answered.
    assert values == {"best_f1": 75, "best_threshold": -4}


def questions_file(path: Path, impossible: bool) -> Path:
    draw = random.Random(0)
    paragraphs = []
    for number in range(120):
        animals = draw.sample(["dog", "fox", "cat", "owl"], 2)
        context = f"{number} the quick {animals[0]} jumps and the lazy {animals[1]} sleeps"
        asked = []
        for place, question in enumerate(("jumps ?", "sleeps ?")):
            start = context.index(animals[place])
            asked.append({"question": question, "answers": [{"text": animals[place], "answer_start": start}]})
        if impossible:
            asked.append({"question": "France ?", "answers": [], "is_impossible": True})
        paragraphs.append((context, asked))
    path.write_text(json.dumps(squad(*paragraphs)))
    return path


@pytest.mark.parametrize(
    ("layout", "impossible", "batching"), [("gpt2", True, "packed"), ("llama", False, "padded")]
)
def test_answers_are_learnt_scored_and_exported(
    layout, impossible, batching, chat_tokenizer, tmp_path, make_context
):
    path = questions_file(tmp_path / "squad.json", impossible)
    config = stage("extract", path, 120, 16, batching=batching, stride=8)
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer, layout), tmp_path, make_context)
    assert tuned.figures["exact_match"] > 80
    assert tuned.figures["f1"] >= tuned.figures["exact_match"]
    assert ("best_f1" in tuned.figures) == impossible
    assert "quick" in tuned.page
    assert tuned.format.endswith("ForQuestionAnswering")
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(tuned.folder).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        ours = load_span_finder(tuned.artifact)(ids, torch.tensor([4]))
        logits = theirs(ids)
        torch.testing.assert_close(logits.start_logits, ours[:, :, 0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(logits.end_logits, ours[:, :, 1], atol=1e-4, rtol=1e-4)
    (answer,) = card_says(tuned.folder)
    assert answer.strip()


def test_windows_that_share_rows_lose_the_same(chat_tokenizer, tmp_path, make_context):
    from train.finetune import run

    path = questions_file(tmp_path / "squad.json", True)
    inputs = save_base(tmp_path, chat_tokenizer)
    losses = [
        run(stage("extract", path, 3, batching=name), make_context(tmp_path / name, **inputs))["train_loss"]
        for name in ("padded", "packed")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
