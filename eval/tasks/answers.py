"""Answers that the fine-tuned model finds in the test texts: exact match and F1 as the official scripts have them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from eval.metrics.cmrc import score as cmrc_results
from eval.results import Bootstrap, Figure, Result, shown
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.squad import squad_result, squad_scores
from eval.scoring.tokenization import are_unspaced
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.extract import ExtractConfig
from pipeline.progress import progress
from train.finetuning.data import Splits
from train.finetuning.extraction.examples import SpanExamples, Window, as_examples, cut_windows
from train.finetuning.extraction.rows import Question
from train.finetuning.facts import TestRow

FIGURES = {
    "exact_match": Figure("Exact match", "exact match {:.1f}%"),
    "f1": Figure("F1", "F1 {:.1f}%"),
    "answerable_exact_match": Figure("Exact match where there is an answer"),
    "answerable_f1": Figure("F1 where there is an answer"),
    "unanswerable": Figure("Right that there is no answer"),
    "best_f1": Figure("F1 at the best threshold"),
    "best_threshold": Figure("Best threshold of no answer"),
}


@dataclass(frozen=True)
class Found:
    """The best answer in a question's windows."""

    text: str
    score: float
    """Of its start and its end together."""
    none: float
    """Score of no answer: the lowest of its windows."""

    @property
    def doubt(self) -> float:
        """By how much no answer is likelier."""
        return self.none - self.score


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Find an answer to each test question and score the answers."""
    rows, facts = tuned.test_rows(), tuned.facts
    found = find_answers(tuned, rows)
    may_have_none, threshold = facts["may_have_none"], facts["no_answer_threshold"]
    answers = ["" if may_have_none and best.doubt > threshold else best.text for best in found]
    references = [row["answers"] or [""] for row in rows]
    described = f"extract|max_answer:{facts['max_answer']}|stride:{facts['stride']}"
    described += f"|threshold:{threshold:g}" if may_have_none else ""
    results = answer_results(answers, references, tuned.config, tuned.bootstrap, described)
    if may_have_none:
        results += best_threshold(found, references, described)
    predictions: list[Prediction] = [
        {
            "prompt": f"{row['text']}\n\n{row['question']}",
            "prediction": answer,
            "references": row["answers"] or [""],
        }
        for row, answer in zip(rows, answers, strict=True)
    ]
    return results, predictions


def figures(settings: ExtractConfig, splits: Splits) -> dict[str, Figure]:
    return {name: FIGURES[name] for name in ("exact_match", "f1")}


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of answers that were found before, such as those of another run."""
    answers, references = [row["prediction"] for row in rows], [row["references"] for row in rows]
    return answer_results(answers, references, config, bootstrap, "rescored")


def answer_results(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    config: EvaluateConfig,
    bootstrap: Bootstrap,
    described: str,
) -> list[Result]:
    """SQuAD's exact match and F1; where some questions have no answer, of both kinds by themselves; of Chinese and
    Japanese CMRC's besides.

    Args:
        references: of each question, `[""]` where it has no answer.
    """
    texts = GeneratedTexts(answers, references, bootstrap, described)
    results = [squad_result(name, texts) for name in ("exact_match", "f1")]
    none = np.array([list(row) == [""] for row in references])
    if none.any() and not none.all():
        some = np.flatnonzero(~none).tolist()
        kept = GeneratedTexts(
            [answers[place] for place in some], [references[place] for place in some], bootstrap, described
        )
        for name in ("exact_match", "f1"):
            results.append(replace(squad_result(name, kept), name=f"answerable_{name}"))
        right = np.array([100.0 * (answers[place] == "") for place in np.flatnonzero(none).tolist()])
        results.append(
            bootstrap.result(
                "finetune", "unanswerable", lambda rows: float(right[rows].mean()), len(right), described
            )
        )
    results = shown(results, FIGURES)
    return [*results, *cmrc_results(texts, config)] if are_unspaced(references) else results


def best_threshold(
    found: Sequence[Found], references: Sequence[Sequence[str]], described: str
) -> list[Result]:
    """F1 at the threshold that is best for these questions, and that threshold, as SQuAD 2.0's script tells them: a
    value that was chosen on what it is scored on."""
    given = squad_scores("f1", [best.text for best in found], references)
    none = squad_scores("f1", [""] * len(found), references)
    doubts = np.array([best.doubt for best in found])
    order = np.argsort(doubts, kind="stable")
    # With the first k answered and the others not: none at first, and one more each time.
    totals = none.sum() + np.concatenate([[0.0], np.cumsum((given - none)[order])])
    best = int(totals.argmax())
    threshold = doubts[order[best - 1]] if best else doubts.min() - 1
    values = {"best_f1": 100 * totals[best] / len(found), "best_threshold": threshold}
    results = [
        Result("finetune", name, float(value), None, None, len(found), described)
        for name, value in values.items()
    ]
    return shown(results, FIGURES)


@torch.no_grad()  # what training scores in a validation must be fit to be trained on
def find_answers(tuned: TunedModel, rows: Sequence[TestRow]) -> list[Found]:
    """The best answer to each question, over all windows of its text."""
    facts, size = tuned.facts, tuned.config.decode.batch_size
    questions = [Question(row["question"], (), row["text"], ()) for row in rows]
    windows = cut_windows(
        questions,
        tuned.tokenizer,
        facts["max_length"],
        facts["stride"],
        reads_both_sides=facts["reads_both_sides"],
    ).windows
    examples = as_examples(windows, questions, tuned.tokenizer, facts["max_length"])
    found: list[Found | None] = [None] * len(rows)
    order = np.argsort([len(window.ids) for window in windows], kind="stable")
    with progress("answering", len(windows), "windows", enabled=tuned.context.run.progress) as bar:
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            for place, logits in zip(chosen, _logits(tuned.model, examples, chosen), strict=True):
                window = windows[place]
                best = best_span(window, logits, rows[window.question]["text"], facts["max_answer"])
                before = found[window.question]
                if before is not None:
                    none = min(best.none, before.none)
                    best = max(best, before, key=lambda one: one.score)
                    best = Found(best.text, best.score, none)
                found[window.question] = best
            bar.advance(len(chosen))
    return [best or Found("", float("-inf"), 0.0) for best in found]


def _logits(model: torch.nn.Module, examples: SpanExamples, chosen: np.ndarray) -> np.ndarray:
    """fp64 [N, T, 2]"""
    device = next(model.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in examples.collate(chosen, chosen).items()}
    del batch["labels"]
    return model(**batch).double().cpu().numpy()


def best_span(window: Window, logits: np.ndarray, text: str, max_answer: int) -> Found:
    """The likeliest span of at most `max_answer` tokens in a window of a text.

    Args:
        logits: of starts and ends, fp64 [T, 2].
    """
    none = float(logits[window.null].sum())
    tokens = len(window.spans)
    if not tokens:
        return Found("", float("-inf"), none)
    starts, ends = logits[window.first : window.first + tokens].T
    best = (float("-inf"), 0, 0)
    for length in range(min(max_answer, tokens)):
        scores = starts[: tokens - length] + ends[length:]
        place = int(scores.argmax())
        best = max(best, (float(scores[place]), place, place + length), key=lambda one: one[0])
    score, start, end = best
    return Found(text[window.spans[start, 0] : window.spans[end, 1]], score, none)
