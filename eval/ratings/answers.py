"""The files that a sheet's raters save."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from pipeline.errors import UserError
from pipeline.text.validation import objection

FORMAT = "lm-workflow ratings 1"
CHOICES = {"left": 0.0, "tie": 0.5, "right": 1.0}
"""How much of a preference the text at the right has."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Strict):
    """The judgement of one item."""

    texts: Annotated[list[str], Field(min_length=1, max_length=2)]
    """Digests of the texts that were shown, of a pair from left to right."""
    choice: Literal["left", "tie", "right"] | None = None
    """Of a pair."""
    score: PositiveInt | None = None
    """On a Likert scale, 1 being the worst."""

    @property
    def value(self) -> float:
        return float(self.score) if self.score is not None else CHOICES[self.choice or "tie"]


class Answers(_Strict):
    """One rater's file."""

    format: Literal["lm-workflow ratings 1"]
    sheet: str
    kind: Literal["pairs", "likert"]
    scale: PositiveInt
    rater: Annotated[str, Field(min_length=1, max_length=200)]
    answers: Annotated[list[Answer], Field(min_length=1)]

    def problem(self) -> str | None:
        """What is wrong with an answer, or None."""
        pairs = self.kind == "pairs"
        for number, answer in enumerate(self.answers, 1):
            if len(answer.texts) != (2 if pairs else 1) or (answer.choice if pairs else answer.score) is None:
                return f"answer {number} is no judgement of {'a pair' if pairs else 'one text'}"
            if answer.score is not None and answer.score > self.scale:
                return f"answer {number} is {answer.score} on a scale to {self.scale}"
        return None


def read_answers(paths: Iterable[Path]) -> list[Answers]:
    """What raters have saved, one file each.

    Raises:
        UserError: where a file is none of a sheet's, files of a kind are of several sheets, or a rater has two.
    """
    read = [(path, _read(path)) for path in paths]
    for kind in ("pairs", "likert"):
        same = [(path, answers) for path, answers in read if answers.kind == kind]
        _refuse_several_sheets(same)
        _refuse_same_rater(same)
    return [answers for _, answers in read]


def _read(path: Path) -> Answers:
    try:
        answers = Answers.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise UserError(
            f"{path} is no file that a rating sheet has saved ({place}: {objection(first['msg'])}); name those that "
            "`make rate`'s page saves"
        ) from None
    if problem := answers.problem():
        raise UserError(f"{path}: {problem}; let {answers.rater} save the file again")
    return answers


def _refuse_several_sheets(read: Sequence[tuple[Path, Answers]]) -> None:
    for path, answers in read[1:]:
        if answers.sheet != read[0][1].sheet:
            raise UserError(
                f"evaluate.ratings: {read[0][0]} and {path} are of two sheets; name the answers of one"
            )


def _refuse_same_rater(read: Sequence[tuple[Path, Answers]]) -> None:
    seen: dict[str, Path] = {}
    for path, answers in read:
        if answers.rater in seen:
            raise UserError(
                f"evaluate.ratings: {seen[answers.rater]} and {path} are both of the rater {answers.rater}; leave one "
                "out"
            )
        seen[answers.rater] = path
