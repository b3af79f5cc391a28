"""Questions with a text and where in it their answers stand: SQuAD's json, or a row for each question."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.config.tasks.extract import ExtractDataConfig
from pipeline.errors import UserError
from pipeline.formats.row_faults import read_all
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import Example, count_unread

ANSWERS = ("answers", "answer")


@dataclass(frozen=True)
class Question(Example):
    """A question about a text; `source` is the question, and `targets` are its answers, none where there is none."""

    context: str
    starts: tuple[int, ...]
    """Where in the context each answer begins, in characters."""
    lost: bool = False
    """Whether it has answers, and none of them stands in the context."""
    moved: bool = False
    """Whether an answer stands elsewhere than the data says, and was found."""

    @property
    def key(self) -> str:
        return f"{self.source}\n{self.context}"

    @property
    def encoded(self) -> tuple[str, ...]:
        return (self.source, self.context)

    @property
    def flaw(self) -> str:
        if self.lost:
            return "their answer does not stand in their context"
        return "" if self.source.strip() and self.context.strip() else "their question or context is empty"


def read_questions(path: RowSource, config: ExtractDataConfig, unread: Counter[str]) -> Iterator[Question]:
    """All questions of a file or data set.

    Args:
        unread: counts the rows in which a column holds something and is not read.

    Raises:
        UserError: naming all that is no question.
    """
    if isinstance(path, Path) and path.suffix == ".json" and (articles := _squad(path)) is not None:
        located = ((f"{path}, article {number}", article) for number, article in enumerate(articles, 1))
        return chain.from_iterable(read_all(str(path), located, _of_article))

    def read(where: str, row: Fields) -> Question:
        question, context = config.prompt_field or "question", config.context_field
        answers = config.response_field or next((name for name in ANSWERS if name in row), ANSWERS[0])
        for field in (question, context, answers):
            if field not in row:
                raise UserError(
                    f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))}); name the "
                    "fields with finetune.data.prompt_field, context_field and response_field"
                )
        count_unread(unread, row, {question, context, answers})
        return _question(where, row[question], row[context], row[answers])

    return read_each(path, read)


def _squad(path: Path) -> list[Any] | None:
    """The articles of a file as SQuAD is published; None where it is another JSON file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return None  # lines of JSON, or broken: who reads rows says so
    articles = found.get("data") if isinstance(found, dict) else None
    return articles if isinstance(articles, list) else None


def _of_article(where: str, article: Any) -> list[Question]:
    found = []
    try:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                answers: Any = None if asked.get("is_impossible") else asked["answers"]
                found.append(_question(where, asked["question"], paragraph["context"], answers))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{where} is not as SQuAD has it, paragraphs with context and qas, each with question and "
            f"answers ({error})"
        ) from None
    return found


def _question(where: str, question: Any, context: Any, given: Any) -> Question:
    if not isinstance(question, str) or not isinstance(context, str):
        raise UserError(
            f"{where}: question and context must be texts, not {question!r:.60} and {context!r:.60}"
        )
    found: list[tuple[str, int]] = []
    moved = False
    pairs = [pair for pair in _answers(where, given) if pair[0].strip()]
    for text, start in pairs:
        place = _find(text, start, context)
        if place is not None:
            found.append((text, place))
            moved |= start is not None and place != start
    texts, starts = tuple(text for text, _ in found), tuple(start for _, start in found)
    return Question(question, texts, context, starts, lost=bool(pairs) and not found, moved=moved)


def _find(text: str, start: int | None, context: str) -> int | None:
    """Where the answer stands: at `start`, or the nearest place to it, or the first; None where it does not."""
    if start is not None and context.startswith(text, start):
        return start
    places = (
        [place for place in range(len(context)) if context.startswith(text, place)] if text in context else []
    )
    return min(places, key=lambda place: abs(place - (start or 0))) if places else None


def _answers(where: str, given: Any) -> list[tuple[str, int | None]]:
    """Texts of answers, and where they begin if that is said."""
    if isinstance(given, dict):
        texts, starts = given.get("text"), given.get("answer_start")
        if isinstance(texts, list):
            starts = starts if isinstance(starts, list) else [None] * len(texts)
            if len(starts) == len(texts):
                given = [{"text": text, "answer_start": at} for text, at in zip(texts, starts, strict=True)]
        else:
            given = [given]
    rows = given if isinstance(given, list) else [] if given is None else [given]
    found = []
    for row in rows:
        fields: Fields = row if isinstance(row, dict) else {"text": row}
        text, start = fields.get("text"), fields.get("answer_start")
        if not isinstance(text, str) or not isinstance(start, int | None):
            raise UserError(
                f'{where}: an answer is a text, or an object such as {{"text": "Paris", "answer_start": 17}}, '
                f"not {row!r:.80}"
            )
        found.append((text, start))
    return found
