"""Conversations as rows hold them: lists of messages, or one text with the speakers' names in it."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.errors import UserError

Turn = dict[str, Any]
"""`role` and `content`, as chat templates read them; of an assistant that calls tools `tool_calls` too, of a tool what
else its message says."""

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""The role of a chat template that each name stands for; ShareGPT and its relatives have the others."""

KEPT = ("name", "tool_call_id")
"""What else of a message templates may write."""

_SPEAKERS = re.compile(r"(?:^|\n\n)(Human|Assistant):[ \t]?")
"""What begins a turn in the rows of HH-RLHF."""


def is_conversation(value: Any) -> bool:
    """Whether a field holds a list of messages, or a single one."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(x, dict) for x in value))


CONTENTS = ("content", "value", "tool_calls")
"""A message has one of them at least."""


def read_turns(where: str, field: str, value: Any) -> list[Turn]:
    """The messages of a field, each with `role` and `content`, or ShareGPT's `from` and `value`.

    Raises:
        UserError: for what is no message, for a role that is not known, and for a message without content.
    """
    if not isinstance(value, (dict, list)):
        raise UserError(f"{where}: the field {field!r} must be a list of messages, not {value!r:.60}")
    turns = []
    for message in [value] if isinstance(value, dict) else value:
        if not isinstance(message, dict):
            raise UserError(
                f"{where}: the field {field!r} mixes messages with {message!r:.60}; make each a message"
            )
        role = message.get("role", message.get("from"))
        if role not in ROLES:
            raise UserError(
                f"{where}: the field {field!r} has a message of the role {role!r}; the known roles are "
                f"{', '.join(ROLES)}"
            )
        if message.keys().isdisjoint(CONTENTS):
            raise UserError(
                f"{where}: the field {field!r} has a message without content; it has {', '.join(message)}"
            )
        content = message.get("content", message.get("value"))
        turn: Turn = {"role": ROLES[role], "content": _read_content(where, field, content)}
        turn |= {name: message[name] for name in KEPT if message.get(name) is not None}
        if calls := message.get("tool_calls"):
            turn["tool_calls"] = _read_calls(where, field, calls)
        turns.append(turn)
    return turns


def _read_content(where: str, field: str, content: Any) -> str:
    """A text, or OpenAI's list of parts, of which each has to be a text."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    if content is not None and not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"{where}: the field {field!r} has a message whose content is no text: {content!r:.60}"
        )
    return "".join(text for text in texts if text is not None)


def _read_calls(where: str, field: str, calls: Any) -> list[dict[str, Any]]:
    """OpenAI writes the arguments as JSON in a text, templates read them as an object."""
    read = []
    for call in calls if isinstance(calls, list) else [calls]:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise UserError(
                f"{where}: the field {field!r} has a tool call without a function's name: {call!r:.60}"
            )
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            with suppress(ValueError):  # what is no JSON a template writes as it is
                arguments = json.loads(arguments)
        called = {"name": function["name"], "arguments": {} if arguments is None else arguments}
        kept = {"id": call["id"]} if call.get("id") is not None else {}
        read.append({**kept, "type": "function", "function": called})
    return read


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


def check_prompt(where: str, turns: Sequence[Mapping[str, Any]]) -> None:
    """Raises: UserError: where the turns that come before an answer are no prompt for one."""
    spoken = [turn["role"] for turn in turns if turn["role"] != "system"]
    if spoken[:1] == ["assistant"]:
        raise UserError(
            f"{where}: the conversation starts with the assistant, and a model answers what it is asked; take that "
            "turn out, or put the user's before it"
        )
    if not spoken:
        raise UserError(f"{where}: no turn of the user comes before the answer; give the row a prompt")
    for before, role in zip([None, *spoken], [*spoken, "assistant"], strict=True):
        if role == before and role != "tool":
            raise UserError(
                f"{where}: two turns of the {role} follow each other; make them one, or put the turn between them"
            )
        if role == "tool" and before not in ("assistant", "tool"):
            raise UserError(f"{where}: a turn of a tool follows none of the assistant, who alone calls tools")


def call_text(call: Mapping[str, Any]) -> str:
    """A tool call as our own templates write it, and those of several models."""
    return f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>"


def said(turn: Mapping[str, Any]) -> str:
    """All that a turn says as one text, its tool calls included."""
    content: str = turn["content"]
    return "\n".join([*([content] if content else []), *map(call_text, turn.get("tool_calls", []))])


def plain_text(turns: Sequence[Mapping[str, Any]]) -> str:
    """The turns as one text, for people and to tell prompts apart: of a single turn its content alone."""
    if len(turns) == 1:
        return said(turns[0])
    return "\n\n".join(f"{turn['role']}: {said(turn)}" for turn in turns)
