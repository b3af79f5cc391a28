"""Rows of the nested file of XQuAD (SQuAD's form): what the tasks beside this file ask about."""

from collections.abc import Iterable
from typing import Any

from datasets import Dataset

CHOICES = 4


def paragraphs(articles: Iterable[dict[str, Any]]) -> Dataset:
    """A row for each paragraph."""
    return Dataset.from_list(
        [{"context": each["context"]} for article in articles for each in article["paragraphs"]]
    )


def answers(articles: Iterable[dict[str, Any]]) -> Dataset:
    """A row for each question, with its first answer."""
    return Dataset.from_list(list(_questions(articles)))


def choices(articles: Iterable[dict[str, Any]]) -> Dataset:
    """A row for each question whose paragraph holds three more answers: those are the wrong choices."""
    rows = []
    for row in _questions(articles):
        wrong = [text for text in row["others"] if text != row["answer"]][: CHOICES - 1]
        if len(wrong) == CHOICES - 1:
            place = len(rows) % CHOICES  # the right one stands everywhere equally often
            rows.append({**row, "choices": [*wrong[:place], row["answer"], *wrong[place:]], "gold": place})
    return Dataset.from_list(rows)


def _questions(articles: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            found = [(each["question"], each["answers"][0]["text"]) for each in paragraph["qas"]]
            others = list(dict.fromkeys(answer for _, answer in found))
            for question, answer in found:
                yield {
                    "context": paragraph["context"],
                    "question": question,
                    "answer": answer,
                    "others": others,
                }
