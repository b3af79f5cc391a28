"""A conversation with a model: its turns, what of them the model can read, and how they are kept."""

import json
from pathlib import Path

from pipeline.errors import UserError
from train.finetuning.chat import ChatFormat
from train.finetuning.fitting import without_first_turns

Turn = dict[str, str]
"""A `role` (system, user, assistant) and its `content`."""


class Conversation:
    """Turns of user and assistant, behind an optional system prompt."""

    def __init__(self, form: ChatFormat, system: str | None = None):
        """
        Args:
            form: how the model's turns are written.

        Raises:
            UserError: as `set_system`.
        """
        self._form = form
        self.turns: list[Turn] = []
        self._prompts: dict[int, str] = {}
        """The system prompts in force, by the place of the first turn that was said under each."""
        self.system: str | None = None
        self.set_system(system)

    def set_system(self, text: str | None) -> None:
        """From now on the conversation has this system prompt, or none.

        Raises:
            UserError: where the model's template has no place for one; the prompt before stays.
        """
        if text:
            self._form.conversation_ids([_turn("system", text), _turn("user", "")])
        self.system = text or None

    @property
    def messages(self) -> list[Turn]:
        """All turns, each system prompt where it was set."""
        found: list[Turn] = []
        for place, turn in enumerate(self.turns):
            if prompt := self._prompts.get(place):
                found.append(_turn("system", prompt))
            found.append(turn)
        return found

    def ask(self, text: str, room: int) -> tuple[list[int], int]:
        """Add a user's turn. Gives the token ids of the conversation up to where the assistant answers, and how many of
        the oldest turns are left out, since the ids would be more than `room`.

        Raises:
            UserError: where this turn alone is longer; it is not added.
        """
        asked = [*self.turns, _turn("user", text)]
        whole = [*([_turn("system", self.system)] if self.system else []), *asked]
        kept = without_first_turns(whole, lambda turns: len(self._form.conversation_ids(turns)) <= room)
        ids = self._form.conversation_ids(kept)
        if len(ids) <= room:
            self.turns = asked
            if (prompt := self.system or "") != next(reversed(self._prompts.values()), ""):
                self._prompts[len(asked) - 1] = prompt
            return ids, len(whole) - len(kept)
        raise UserError(
            f"this turn has {len(ids):,} tokens, and there is room for {room:,}; say it in fewer words"
        )

    def answer(self, text: str) -> None:
        """Add the assistant's turn."""
        self.turns.append(_turn("assistant", text))

    def take_back(self) -> None:
        """Forget the user's turn that got no answer."""
        self.turns.pop()
        self._prompts.pop(len(self.turns), None)

    def reset(self) -> None:
        """Forget all turns; the system prompt stays."""
        self.turns.clear()
        self._prompts.clear()

    def save(self, path: Path) -> None:
        """Add the conversation to a file of JSON lines, of the form that fine-tuning reads (`messages`).

        Raises:
            UserError: where there is nothing to save, or the file cannot be written.
        """
        if not self.turns:
            raise UserError("there is nothing to save yet")
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"messages": self.messages}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}
