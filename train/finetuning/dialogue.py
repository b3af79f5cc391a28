"""What a model that chats learns from: a conversation that ends with an answer, or a plain text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from train.finetuning.conversation import Turn, check_prompt, plain_text, said
from train.finetuning.data import Example
from train.finetuning.facts import TestRow

if TYPE_CHECKING:
    from train.finetuning.chat import ChatFormat


@dataclass(frozen=True)
class Dialogue(Example):
    """Turns and the answer to them. `source` is the turns as one text, `targets` the answer and others that will do."""

    turns: tuple[Turn, ...]
    """All that comes before the answer, with the assistant's earlier ones."""
    answer: Turn
    where: str = field(default="", compare=False)
    """File and line, for messages."""

    @property
    def prompt(self) -> Sequence[Turn]:
        return self.turns

    @property
    def encoded(self) -> tuple[str, ...]:
        return (*map(said, self.turns), *self.targets[:1])

    @property
    def asked(self) -> tuple[str, ...]:
        """With what came before the assistant's earlier answers."""
        places = (place for place, turn in enumerate(self.turns) if turn["role"] == "assistant")
        return (*(plain_text(self.turns[:place]) for place in places), self.source)

    @property
    def answers(self) -> tuple[str, ...]:
        return (*(said(turn) for turn in self.turns if turn["role"] == "assistant"), *self.targets)

    @property
    def flaw(self) -> str:
        if not self.targets:
            return "the assistant says nothing in them"
        spoken = (turn for turn in self.turns if turn["role"] != "tool")  # a tool may have nothing to say
        return "" if all(said(turn).strip() for turn in spoken) else "one of their turns is empty"

    def exchanges(self, form: "ChatFormat", every: bool) -> list[tuple[str, str]]:
        """See `ChatFormat.exchanges`."""
        return form.exchanges([*self.turns, self.answer], every)


@dataclass(frozen=True)
class PlainText(Example):
    """A text as it stands: all of it is learnt. `source` is its first half, which a test gives the model, and `targets`
    the rest."""

    where: str = field(default="", compare=False)

    @property
    def prompt(self) -> str:
        from train.finetuning.chat import Beginning

        return Beginning(self.source)

    def exchanges(self, form: "ChatFormat", every: bool) -> list[tuple[str, str]]:
        """Nothing, and the text with the token that ends it."""
        return [form.text(self.source + "".join(self.targets))]


def make_dialogue(where: str, turns: Sequence[Turn], targets: Sequence[str] = ()) -> Dialogue:
    """The dialogue up to the last answer: nothing is learnt from what comes behind it. A system turn that says nothing,
    as many data sets have it in each row, is none.

    Args:
        targets: answers that will do; None of them: the last one.

    Raises:
        UserError: where the turns are no conversation.
    """
    turns = [turn for turn in turns if turn["role"] != "system" or said(turn).strip()]
    answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        return Dialogue(
            plain_text(turns) if turns else "", (), tuple(turns), {"role": "assistant", "content": ""}, where
        )
    before, answer = list(turns[: answers[-1]]), turns[answers[-1]]
    check_prompt(where, before)
    found = [text for text in targets or [said(answer)] if text.strip()]
    return Dialogue(plain_text(before), tuple(found), tuple(before), answer, where)


def make_text(where: str, text: str) -> PlainText:
    """The text in two halves, cut before a word where it has words."""
    middle = len(text) // 2
    cut = text.rfind(" ", 1, middle + 1)
    place = middle if cut < 0 else cut
    rest = text[place:]
    return PlainText(text[:place], (rest,) if rest.strip() else (), where)


def with_row(example: Example) -> TestRow:
    """What test.jsonl keeps of an example beside its text: how the prompt is to be written."""
    if isinstance(example, Dialogue):
        return {"turns": list(example.turns)}
    return {"continues": True} if isinstance(example, PlainText) else {}
