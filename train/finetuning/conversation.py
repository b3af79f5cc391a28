"""Conversations as rows hold them: lists of messages, or one text with the speakers' names in it."""

import re
from typing import Any

from pipeline.errors import UserError

Turn = dict[str, str]
"""`role` and `content`, as chat templates read them."""

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}
"""The role of a chat template that each name stands for; the others are ShareGPT's."""

_SPEAKERS = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \t]?")
"""What begins a turn in the rows of HH-RLHF."""


def is_conversation(value: Any) -> bool:
    """Whether a field holds a list of messages, or a single one."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(x, dict) for x in value))


def read_turns(where: str, field: str, value: Any) -> list[Turn]:
    """The messages of a field, each with `role` and `content`, or ShareGPT's `from` and `value`.

    Raises:
        UserError: for what is no message, and for a role that is not known.
    """
    turns = []
    for message in [value] if isinstance(value, dict) else value:
        if not isinstance(message, dict):
            raise UserError(
                f"{where}: the field {field!r} mixes messages with {message!r:.60}; make each a message"
            )
        role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
        if role not in ROLES:
            raise UserError(
                f"{where}: the field {field!r} has a message of the role {role!r}; the known roles are "
                f"{', '.join(ROLES)}"
            )
        if not isinstance(content, str | None):
            raise UserError(
                f"{where}: the field {field!r} has a message whose content is no text: {content!r:.60}"
            )
        turns.append({"role": ROLES[role], "content": content or ""})
    return turns


def split_speakers(text: str) -> list[Turn] | None:
    """The turns of a text such as HH-RLHF's, "\\n\\nHuman: …\\n\\nAssistant: …"; None where it does not begin so."""
    if _SPEAKERS.match(text) is None:
        return None
    _, *parts = _SPEAKERS.split(text)
    speakers, contents = parts[::2], parts[1::2]
    return [
        {"role": ROLES[speaker.lower()], "content": content.strip()}
        for speaker, content in zip(speakers, contents, strict=True)
    ]


def check_prompt(where: str, turns: list[Turn]) -> None:
    """Raises: UserError: where the turns that come before an answer are no prompt for one."""
    spoken = [turn["role"] for turn in turns if turn["role"] != "system"]
    if spoken[:1] == ["assistant"]:
        raise UserError(
            f"{where}: the conversation starts with the assistant, and a model answers what it is asked; take that "
            "turn out, or put the user's before it"
        )
    if spoken[-1:] != ["user"]:
        raise UserError(f"{where}: no turn of the user comes before the answer; give the row a prompt")


def plain_text(turns: list[Turn]) -> str:
    """The turns as one text, for people and to tell prompts apart: of a single turn its content alone."""
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
