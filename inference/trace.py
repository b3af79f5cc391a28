"""Which training documents hold a text's n-grams, and at which steps the model read them:
`python -m inference.trace TEXT [key=value …]`.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeInt, PositiveInt

from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.config.typed_text import refuse_what_is_not_utf8
from pipeline.errors import UserError, exit_on_user_error
from pipeline.formats.location import find_model
from pipeline.text.counts import counted

if TYPE_CHECKING:
    from inference.tracing.readings import Reading, Trace
    from inference.tracing.training import TracedTraining


class TraceSettings(Section):
    """`trace TEXT [key=value …]`: where a text stands in the training text, and when the model read it."""

    model: str | None = None
    """A run's name, or the folder of an artifact or a checkpoint; by default the newest run."""
    step: NonNegativeInt | None = None
    """Look no further than this training step, of which there is a checkpoint."""
    runs: str = "runs"
    """The folder of runs."""
    tokens: PositiveInt = 8
    """Length of the shortest passage to look for; a shorter text is looked for as a whole."""
    count: PositiveInt = 10
    """Passages to show, the longest first."""
    steps: PositiveInt = 5
    """Steps to list of each, the first ones."""
    output: Literal["table", "json"] = "table"
    """For people, or for programs."""


def main(words: Sequence[str]) -> None:
    """Print a table, or JSON."""
    if not words or words[0] in ("-h", "--help"):
        print(usage(TraceSettings))
        return
    text = words[0]
    with exit_on_user_error():
        if not text.strip():
            raise UserError('there is no text; give one: make trace TEXT="Once upon a time"')
        refuse_what_is_not_utf8(text, "the text")
        settings = read_settings(TraceSettings, words[1:])
        find_model(settings.model, settings.step, Path(settings.runs))
        from inference.tracing.readings import trace  # loads torch: what is wrong has been told
        from inference.tracing.training import TracedTraining

        training = TracedTraining.open(settings.model, settings.step, Path(settings.runs))
        found = trace(training, text, settings.tokens, settings.count)
        if settings.output == "json":
            print(json.dumps(_values(training, found, settings.steps), ensure_ascii=False, indent=2))
        else:
            _print(training, found, settings.steps)


def _values(training: "TracedTraining", found: "Trace", listed: int) -> dict[str, object]:
    readings = [
        {
            **asdict(reading),
            "document": {name: value for name, value in asdict(reading.document).items() if name != "text"},
            "steps": reading.steps[:listed],
            "step_count": len(reading.steps),
        }
        for reading in found.readings
    ]
    facts = {"model": training.name, "steps_done": training.steps, "steps_of_other_data": training.first}
    return {**facts, **asdict(found), "readings": readings}


def _print(training: "TracedTraining", found: "Trace", listed: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = len(found.readings)
    print(
        f"{training.name}: {_lengths(found)}"
        + (f"; {shown:,} of them, the longest first:" if shown < found.passages else "")
    )
    if training.first:
        print(
            f"The first {counted(training.first, 'step')} read the data of another run, which is not looked at."
        )
    if not found.readings:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tokens", "document", "steps", "passage"):
        table.add_column(name, justify="right" if name == "tokens" else "left", overflow="fold")
    for reading in found.readings:
        passage = Text(f"{reading.before}⟦{reading.passage}⟧{reading.after}".replace("\n", "⏎"))
        table.add_row(str(reading.tokens), Text(_document(reading)), _steps(reading.steps, listed), passage)
    Console().print(table)


def _lengths(found: "Trace") -> str:
    """How long the text is, and what was found of it."""
    lengths = {found.tokens, found.tokens_behind_space}
    behind = f", {found.tokens_behind_space:,} behind a space" if len(lengths) > 1 else ""
    some = f"of {found.least:,} or more of them in a row"
    if found.least > min(lengths):
        some = "with the whole text" if found.least >= max(lengths) else f"{some}, or with the whole text"
    passages = counted(found.passages, "passage")
    return f"the text has {counted(found.tokens, 'token')}{behind}; its training text has {passages} {some}"


def _document(reading: "Reading") -> str:
    document = reading.document
    names = (document.id, document.title, document.meta.get("url") or document.source, reading.part)
    return "\n".join(str(name) for name in dict.fromkeys(names) if name)


def _steps(steps: Sequence[int], listed: int) -> str:
    if not steps:
        return "never"
    more = f" … ({len(steps):,} in all)" if len(steps) > listed else ""
    return ", ".join(f"{step:,}" for step in steps[:listed]) + more


if __name__ == "__main__":
    main(sys.argv[1:])
