"""A sheet on which people judge what runs have written: `python -m eval.rate RUN [RUN …] [key=value …]`."""

import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from eval.comparison.common_examples import common_examples
from eval.comparison.evaluated_run import EvaluatedRun, find_run, run_names
from eval.ratings.sheet import Item, pair_items, sheet_page, single_items
from eval.ratings.written import Written, written_texts
from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.errors import UserError, exit_on_user_error
from pipeline.text.counts import counted


class RateSettings(Section):
    """`rate RUN [RUN] [key=value …]`: a page on which people judge the runs' texts without knowing whose they are."""

    kind: Literal["pairs", "likert"] | None = None
    """Two texts for a prompt, of which one is the better, or each text on a scale; by default pairs of two runs."""
    scale: Annotated[int, Field(ge=2, le=9)] = 5
    """The best mark of `kind=likert`; 1 is the worst."""
    language: Literal["en", "zh"] = "en"
    """What the page is written in."""
    question: str | None = None
    """What the raters are asked, in place of the page's own question."""
    items: PositiveInt = 50
    """Prompts at most, drawn at random."""
    seed: NonNegativeInt = 1
    """Of which prompts are drawn, and in which order and on which side the texts are shown."""
    runs: str = "runs"
    """The folder of runs."""
    page: str | None = None
    """The page's file; by default ratings/RUN-and-RUN.html, with a number behind it where that holds another sheet."""


def main(words: Sequence[str]) -> None:
    """Write the page, and say how it is used."""
    if words and words[0] in ("-h", "--help"):
        print(usage(RateSettings))
        return
    with exit_on_user_error():
        names = run_names(words)
        settings = read_settings(RateSettings, [word for word in words if "=" in word])
        if len(names) not in (1, 2):
            raise UserError(
                f"one or two runs are rated, and {counted(len(names), 'is', 'are')} given; name them: "
                'make rate RUNS="first second"'
            )
        runs = [find_run(name, Path(settings.runs)) for name in names]
        page, items = write_sheet(runs, settings)
        print(
            f"{page}: {counted(items, 'item')}. Give it to several people; each saves a file of answers. Then "
            "evaluate with 'evaluate.ratings=[FILE,…]'"
        )


def write_sheet(runs: Sequence[EvaluatedRun], settings: RateSettings) -> tuple[Path, int]:
    """The page's file, and how many items it has.

    Raises:
        UserError: where the runs have nothing to judge, or nothing in common; where the page that is named is another
            sheet's.
    """
    kind = settings.kind or ("pairs" if len(runs) == 2 else "likert")
    if kind == "pairs" and len(runs) != 2:
        raise UserError("pairs are of two runs; name another one, or set kind=likert")
    items = _items(kind, _texts(runs), settings)
    if not items:
        raise UserError("both runs wrote the same texts: there is nothing to choose between")
    text = sheet_page(items, kind, settings.scale, settings.language, settings.question)
    return _write(text, [run.name for run in runs], settings.page), len(items)


def _write(text: str, names: Sequence[str], named: str | None) -> Path:
    """The file that holds the page. Another sheet stays as it is, since people may be answering it."""
    page = Path(named or f"ratings/{'-and-'.join(names)}.html")
    page.parent.mkdir(parents=True, exist_ok=True)
    for number in count(2):
        if not page.exists():
            page.write_text(text, encoding="utf-8")
            return page
        if page.read_text(encoding="utf-8", errors="replace") == text:
            return page
        if named:
            raise UserError(
                f"page={named} is there already and holds another sheet, which people may be answering; name another "
                "file"
            )
        page = page.with_name(f"{'-and-'.join(names)}-{number}.html")
    raise AssertionError("numbers do not end")


def _items(
    kind: Literal["pairs", "likert"], texts: list[list[Written]], settings: RateSettings
) -> list[Item]:
    if kind == "likert":
        return single_items(texts, settings.items, settings.seed)
    return pair_items(list(zip(*texts, strict=True)), settings.items, settings.seed)


def _texts(runs: Sequence[EvaluatedRun]) -> list[list[Written]]:
    """Of each run its texts, for the same prompts in the same order."""
    if len(runs) == 2 and all(run.predictions for run in runs):
        common = common_examples(runs[0].predictions, runs[1].predictions)
        texts = [written_texts(common.first, []), written_texts(common.second, [])]
    else:
        texts = [written_texts(run.predictions, run.samples) for run in runs]
        shared = set.intersection(*({text.prompt for text in each} for each in texts))
        by_prompt = [{text.prompt: text for text in each} for each in texts]
        if len(runs) > 1:
            texts = [[each[prompt] for prompt in by_prompt[0] if prompt in shared] for each in by_prompt]
    if not texts[0]:
        names = " and ".join(run.name for run in runs)
        raise UserError(
            f"{names}: there are no texts to judge, or none for the same prompts; evaluate with the same test examples "
            "(finetune.data.test) or evaluate.prompts"
        )
    return texts


if __name__ == "__main__":
    main(sys.argv[1:])
