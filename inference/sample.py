"""What a model makes of a prompt: `python -m inference.sample PROMPT [key=value …]`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.settings import SampleSettings
from pipeline.config.command_words import read_settings, usage
from pipeline.config.typed_text import refuse_what_is_not_utf8
from pipeline.errors import UserError, exit_on_user_error

if TYPE_CHECKING:
    from inference.writing import Text
    from train.opening.opened_model import OpenedModel


def main(words: Sequence[str]) -> None:
    """Write to standard output; which model it is goes to standard error."""
    if not words or words[0] in ("-h", "--help"):
        print(usage(SampleSettings))
        return
    prompt = words[0]
    with exit_on_user_error():
        if not prompt:
            raise UserError('there is no prompt; give one: make sample PROMPT="Once upon a time"')
        refuse_what_is_not_utf8(prompt, "the prompt")
        settings = read_settings(SampleSettings, words[1:])
        opened = settings.open()
        print(
            f"{opened.name}: {'continues' if settings.raw or opened.form is None else 'answers'}",
            file=sys.stderr,
        )
        if unknown := opened.describe_unknown(prompt):
            print(unknown, file=sys.stderr)
        from inference.writing import Text  # loads torch: what is wrong with the settings has been told

        ids, shown = prompt_ids(opened, prompt, settings.raw)
        texts = [
            Text(opened, ids, settings.sampling, settings.stop, settings.seed, index)
            for index in range(settings.count)
        ]
        _print(opened, texts, shown)


def prompt_ids(opened: "OpenedModel", prompt: str, raw: bool) -> tuple[list[int], str]:
    """The prompt as the model was trained to read it; and what to print before its continuation.

    Args:
        raw: take it as it stands.
    """
    if raw or opened.form is None:
        return opened.encode(prompt), prompt
    return opened.form.prompt_ids([prompt])[0], ""


def _print(opened: "OpenedModel", texts: "Sequence[Text]", before: str) -> None:
    """One text as it comes; several when all are done, each behind its number."""
    from inference.writing import write

    if len(texts) == 1:
        print(before, end="", flush=True)
        for _, piece in write(opened, texts):
            print(piece, end="", flush=True)
        print()
        return
    written = [before] * len(texts)
    for number, piece in write(opened, texts):
        written[number] += piece
    for number, text in enumerate(written, 1):
        print(f"[{number}] {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
