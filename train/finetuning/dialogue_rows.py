"""Rows of conversations in the forms in which people have them, from OpenAI's messages to plain texts."""

from collections import Counter
from collections.abc import Iterator

from pipeline.config.tasks.instruct import InstructDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.conversation import is_conversation, read_turns, split_speakers
from train.finetuning.data import Example, count_unread, texts_in
from train.finetuning.dialogue import make_dialogue, make_text
from train.finetuning.prompt_rows import read_prompt, with_system

CONVERSATIONS = ("messages", "conversations", "conversation")
"""Fields of a whole conversation: OpenAI's and Hugging Face's, ShareGPT's."""
PAIRS = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("source", "target"),
)
"""Fields of a prompt and its response; alpaca's and dolly's are among them."""
TEXT = "text"
"""Field of a plain text."""


def read_dialogues(path: RowSource, config: InstructDataConfig, unread: Counter[str]) -> Iterator[Example]:
    """All rows of a file, each a conversation or a text.

    Raises:
        UserError: naming all lines that are none.
    """
    fields = [name for name in (config.prompt_field, config.response_field) if name is not None]
    numbered = bool(fields) and all(name.isdigit() for name in fields)
    return read_each(path, lambda where, row: dialogue_in_row(where, row, config, unread), numbered)


def dialogue_in_row(where: str, row: Fields, config: InstructDataConfig, unread: Counter[str]) -> Example:
    """Raises: UserError: where the row holds none."""
    prompt_field, response_field = _fields(where, row, config)
    targets: list[str] = []
    if response_field is None:
        value = row[prompt_field]
        turns = (
            split_speakers(value) if isinstance(value, str) else read_turns(where, prompt_field, value or [])
        )
        if turns is None:
            count_unread(unread, row, {prompt_field})
            return make_text(where, row[prompt_field])
        used = {prompt_field}
    else:
        used, turns = read_prompt(where, row, prompt_field)
        if is_conversation(row.get(response_field)):
            turns += read_turns(where, response_field, row[response_field])
        else:
            targets = texts_in(where, row, response_field)
            turns.append(
                {"role": "assistant", "content": next((text for text in targets if text.strip()), "")}
            )
        used |= {response_field}
    system, turns = with_system(where, row, turns)
    count_unread(unread, row, used | system)
    return make_dialogue(where, turns, targets)


def _fields(where: str, row: Fields, config: InstructDataConfig) -> tuple[str, str | None]:
    """Of the prompt and the response; None where the first holds the whole conversation, or a text."""
    if config.prompt_field is not None:
        if config.prompt_field not in row:
            there = ", ".join(map(str, row))
            raise UserError(f"{where}: the field {config.prompt_field!r} is missing (there: {there})")
        return config.prompt_field, config.response_field
    for name in CONVERSATIONS:
        if name in row and not isinstance(row[name], str):
            return name, None
    for prompt, response in PAIRS:
        if prompt in row and response in row:
            return prompt, response
    if isinstance(row.get(TEXT), str):
        return TEXT, None
    pairs = ", ".join("/".join(names) for names in PAIRS)
    raise UserError(
        f"{where}: neither a conversation ({', '.join(CONVERSATIONS)}) nor a pair of fields ({pairs}) nor a {TEXT} is "
        f"among {', '.join(map(str, row))}; name them with finetune.data.prompt_field and finetune.data.response_field"
    )
