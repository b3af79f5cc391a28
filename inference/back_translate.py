"""The texts of a training file in other words, by translating them there and back:
`python -m inference.back_translate FILE there=MODEL back=MODEL [key=value …]`.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, PositiveInt

from pipeline.config.command_words import read_settings, usage
from pipeline.config.evaluation import DecodeConfig
from pipeline.errors import UserError, exit_on_user_error
from pipeline.formats.location import find_model
from pipeline.formats.rows import read_rows
from pipeline.store import durable

if TYPE_CHECKING:
    from train.opening.opened_model import OpenedModel


class BackTranslateSettings(DecodeConfig):
    """`back_translate FILE [key=value …]`: a file of texts with their translations there and back, for
    `finetune.augmentation.by=[paraphrases]`."""

    there: str = ""
    """The model that translates the texts into another language: a run's name, or the folder of an artifact or of a
    Hugging Face model."""
    back: str = ""
    """The model that translates them back."""
    field: str = "text"
    """Of the rows, which holds the text."""
    count: PositiveInt = 1
    """Paraphrases of each text; several need method=sample, which draws others each time."""
    out: str | None = None
    """The file to write, as .jsonl; by default FILE's name with `.paraphrases.jsonl` behind it, beside it."""
    seed: NonNegativeInt = 0
    """Of what is drawn."""
    runs: str = "runs"
    """The folder of runs."""

    def problems(self) -> list[str]:
        found = super().problems()
        if not self.there or not self.back:
            found.append("name the two models that translate: there=MODEL back=MODEL")
        if self.count > 1 and self.method != "sample":
            found.append("count above 1 needs method=sample, which draws others each time")
        return found


def main(words: Sequence[str]) -> None:
    """Write the file; what is done goes to standard error."""
    if not words or words[0] in ("-h", "--help"):
        print(usage(BackTranslateSettings))
        return
    with exit_on_user_error():
        settings, source = read_settings(BackTranslateSettings, words[1:]), Path(words[0]).expanduser()
        if problems := settings.problems():
            raise UserError("; ".join(problems))
        out = Path(settings.out or f"{source}.paraphrases.jsonl").expanduser()
        if out.exists():
            raise UserError(
                f"{out} is there already; delete it to translate anew, or name another file: out=…"
            )
        texts = _texts(source, settings.field)
        for name in (settings.there, settings.back):  # before torch is loaded, which takes seconds
            find_model(name, None, Path(settings.runs))
        print(f"{len(texts):,} texts: {settings.there} and back by {settings.back}", file=sys.stderr)
        rows = zip(texts, zip(*_rounds(texts, settings), strict=True), strict=True)
        scratch = out.with_name(f".{out.name}.tmp")
        with scratch.open("w", encoding="utf-8") as file:
            for text, others in rows:
                file.write(json.dumps({"text": text, "paraphrases": others}, ensure_ascii=False) + "\n")
        durable.replace(scratch, out)
        print(out)


def _texts(source: Path, field: str) -> list[str]:
    """Those of a file that are not empty, each once.

    Raises:
        UserError: where there are none, or it cannot be read.
    """
    if not source.is_file():
        raise UserError(f"{source} is no file; name one of training texts, as finetune.data.train does")
    rows = [row.get(field) for _, row in read_rows(source)]
    texts = list(dict.fromkeys(text for text in rows if isinstance(text, str) and text.strip()))
    if not texts:
        raise UserError(
            f"{source} holds no texts as {field!r}; name the field of its rows that does: field=…"
        )
    return texts


def _rounds(texts: Sequence[str], settings: BackTranslateSettings) -> Iterator[list[str]]:
    """The texts' translations there and back, as often as asked for."""
    from train.opening.opened_model import open_model

    there, back = (open_model(name, runs=Path(settings.runs)) for name in (settings.there, settings.back))
    for number in range(settings.count):
        seed = settings.seed + number
        yield _translated(back, _translated(there, texts, settings, seed), settings, seed)


def _translated(
    opened: "OpenedModel", texts: Sequence[str], settings: BackTranslateSettings, seed: int
) -> list[str]:
    """Raises: UserError: where the model only continues texts."""
    from train.finetuning.source_form import SourceForm
    from train.generation.generate import generate

    form = opened.form
    if form is None:
        if opened.model.continues_prompts:
            raise UserError(
                f"{opened.name} continues texts and was not trained to translate; name a run with "
                "finetune=seq2seq, or an encoder–decoder"
            )
        form = SourceForm(opened.tokenizer)
    ids = form.prompt_ids(list(texts))
    found = generate(opened.model, opened.tokenizer, ids, settings, seed, stops=opened.stops)
    return [one.text.strip() for one in found]


if __name__ == "__main__":
    main(sys.argv[1:])
