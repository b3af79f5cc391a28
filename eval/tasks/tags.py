"""Tags that the fine-tuned tagger gives the words of the test sentences: scores of entities, or of the tags alone."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch

from eval.results import Bootstrap, Figure, Result, shown
from eval.scoring.entities import MICRO, entity_results
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.tag import TagConfig
from pipeline.progress import progress
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.tagging.examples import as_examples, cut_windows
from train.finetuning.tagging.schemes import Scheme
from train.finetuning.tagging.sentences import TaggedSentence
from train.finetuning.tagging.tag_set import find_tags

BASELINE = "most_frequent_tag"
"""What the results call the baseline: each word has the tag that it has most often in the training split."""
FIGURES = {"tag_accuracy": Figure("Accuracy of tags", "{:.1f}% of tags right")}


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Tag each test sentence, in windows where it is long, and score the tags beside those of the baseline."""
    rows, scheme = tuned.test_rows(), scheme_of(tuned.facts)
    expected = [row["tags"] for row in rows]
    predicted = tag_sentences(tuned, rows)
    results = tag_results("finetune", predicted, expected, scheme, tuned.bootstrap)
    usual = [row["most_frequent"] for row in rows]
    results += tag_results(BASELINE, usual, expected, scheme, tuned.bootstrap)
    predictions = [_prediction(row, tags, scheme) for row, tags in zip(rows, predicted, strict=True)]
    return results, predictions


def figures(settings: TagConfig, splits: Splits) -> dict[str, Figure]:
    """Of entities, where the tags of the training examples mark some, and of the tags alone."""
    marks = find_tags(cast(Sequence[TaggedSentence], splits.train), settings).scheme.marks_entities
    return {**(MICRO if marks else {}), **FIGURES}


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of tags that were given before, such as those of another run."""
    scheme = scheme_of(rows[0].get("scheme", {}))
    predicted: list[list[str]] = [row.get("tags") or [] for row in rows]
    expected: list[list[str]] = [row.get("expected_tags") or [] for row in rows]
    return tag_results("finetune", predicted, expected, scheme, bootstrap)


def scheme_of(facts: TaskFacts) -> Scheme:
    return Scheme(facts["scheme"], facts["bare"])


def tag_results(
    model: str,
    predicted: Sequence[Sequence[str]],
    expected: Sequence[Sequence[str]],
    scheme: Scheme,
    bootstrap: Bootstrap,
) -> list[Result]:
    """Scores of entities, where the tags mark some, and how many tags are right, with intervals over sentences."""
    right = np.array([sum(map(str.__eq__, *pair)) for pair in zip(predicted, expected, strict=True)])
    words = np.array([len(tags) for tags in expected])
    accuracy = bootstrap.result(
        model,
        "tag_accuracy",
        lambda rows: 100 * float(right[rows].sum() / words[rows].sum()),
        len(words),
        f"exact|scheme:{scheme.name}",
    )
    if not scheme.marks_entities:
        return shown([accuracy], FIGURES)
    plain = {"tag_accuracy": Figure(FIGURES["tag_accuracy"].title)}  # most tags are O: it tells little
    return [*entity_results(model, predicted, expected, scheme, bootstrap), *shown([accuracy], plain)]


@torch.no_grad()  # what training scores in a validation must be fit to be trained on
def tag_sentences(tuned: TunedModel, rows: Sequence[TestRow]) -> list[list[str]]:
    """The model's tags for each sentence's words; what has no token gets the tag that is its most frequent one."""
    facts, size = tuned.facts, tuned.config.decode.batch_size
    sentences = [
        TaggedSentence(row["text"], tuple(row["tags"]), tuple(map(tuple, row["spans"])), "") for row in rows
    ]
    windows = cut_windows(sentences, tuned.tokenizer, facts["max_length"], facts["at"]).windows
    unknown = [np.zeros(len(sentence.spans), np.int64) for sentence in sentences]
    examples = as_examples(windows, unknown, tuned.tokenizer, facts["max_length"])
    device = next(tuned.model.parameters()).device
    tags = [list(row["most_frequent"]) for row in rows]
    order = np.argsort([len(window.ids) for window in windows], kind="stable")
    with progress("tagging", len(windows), "windows", enabled=tuned.context.run.progress) as bar:
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            batch = examples.collate(chosen, chosen)
            logits = tuned.model(batch["input_ids"].to(device), lengths=batch["lengths"].to(device))
            for window, numbers in zip(chosen, logits.argmax(-1).cpu().numpy(), strict=True):
                _, _, words, places = windows[window]
                for word, number in zip(words, numbers[places], strict=True):
                    tags[windows[window].sentence][word] = facts["labels"][number]
            bar.advance(len(chosen))
    return tags


def _prediction(row: TestRow, tags: list[str], scheme: Scheme) -> Prediction:
    return {
        "prompt": row["text"],
        "prediction": marked(row, tags, scheme),
        "references": [marked(row, row["tags"], scheme)],
        "tags": tags,
        "expected_tags": row["tags"],
        "scheme": {"scheme": scheme.name, "bare": scheme.bare},
    }


def marked(row: Mapping[str, list[tuple[int, int]]], tags: Sequence[str], scheme: Scheme) -> str:
    """The text with its entities in brackets, each with its type; or each word with its tag."""
    text, spans = str(row["text"]), row["spans"]
    if not scheme.marks_entities:
        return " ".join(f"{text[start:end]}/{tag}" for (start, end), tag in zip(spans, tags, strict=True))
    pieces: list[str] = []
    place = 0
    for type, first, last in scheme.entities(tags):
        start, end = spans[first][0], spans[last - 1][1]
        pieces += [text[place:start], f"[{text[start:end]}]({type})"]
        place = end
    return "".join([*pieces, text[place:]])
