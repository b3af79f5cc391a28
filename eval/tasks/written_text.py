"""Texts that the fine-tuned model writes for the test prompts, scored by `evaluate.metrics`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from eval.metrics import figures_by_metric, score_texts
from eval.results import SHORTENED, Bootstrap, Figure, Result, shown
from eval.scoring.generated_texts import GeneratedTexts
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import DecodeConfig, EvaluateConfig
from pipeline.config.tasks import FinetuneConfig
from pipeline.progress import progress
from pipeline.text.counts import counted
from train.finetuning.chat import Beginning, PromptFormat, Source
from train.finetuning.conversation import said
from train.finetuning.data import Splits
from train.finetuning.facts import TestRow
from train.finetuning.fitting import fit_prompt
from train.finetuning.written_text import WrittenText
from train.generation.generate import generate
from train.generation.stops import Stops
from train.models import as_writing_model

FAILURES = {
    "empty_predictions": Figure("Empty predictions", None, "lower"),
    "cut_off_predictions": Figure("Predictions cut off", None, "lower"),
    SHORTENED: Figure("Prompts cut to fit the context", None, "lower"),
}


class Answer(NamedTuple):
    """What the model writes to a prompt."""

    text: str
    cut_off: bool
    """Whether it had not come to its end at the longest length."""
    shortened: bool
    """Whether its prompt was too long for the model's context, and lost a part."""


def describe_decoding(decode: DecodeConfig, seed: int) -> str:
    """The decoding's part of a signature."""
    settings = ""
    if decode.method == "sample":
        settings = (
            f",temperature={decode.temperature:g},top_k={decode.top_k},top_p={decode.top_p},seed={seed}"
        )
    elif decode.method == "beam":
        settings = f",beams={decode.beams},length_penalty={decode.length_penalty:g}"
    if decode.method == "sample" and decode.min_p is not None:
        settings += f",min_p={decode.min_p:g}"
    if decode.repetition_penalty != 1:
        settings += f",repetition_penalty={decode.repetition_penalty:g}"
    return f"decoding:{decode.method},max_new_tokens={decode.max_new_tokens}{settings}"


def write_answers(tuned: TunedModel, form: PromptFormat, sources: Sequence[Source]) -> list[Answer]:
    """What the model answers to each prompt, white space at the ends aside. One that is too long is cut as in
    training."""
    facts = tuned.facts
    model = as_writing_model(tuned.model)
    room, _ = model.share_context(tuned.config.decode.max_new_tokens)
    whole = form.prompt_ids(sources)
    prompts = [fit_prompt(form, *pair, room) for pair in zip(sources, whole, strict=True)]
    shortened = [len(ids) > room for ids in whole]
    if long := sum(shortened):
        tuned.context.log.warning(
            f"of {counted(len(whole), 'test prompt')} {counted(long, 'is', 'are')} longer than the {room:,} tokens "
            "that the model's context leaves them: they lose their first turns (the system's stays), or, being one "
            f"turn, their middle. {_more_room(room, model.context)}"
        )
    with progress("generating", len(prompts), "examples", enabled=tuned.context.run.progress) as bar:
        generated = generate(
            model,
            tuned.tokenizer,
            prompts,
            tuned.config.decode,
            tuned.seed,
            stops=Stops(facts["stop_token_ids"], facts["stop_strings"]),
            advance=bar.advance,
        )
    return [
        Answer(text.strip(), cut_off, short)
        for (text, cut_off), short in zip(generated, shortened, strict=True)
    ]


def _more_room(room: int, context: int) -> str:
    """What to do for prompts that are longer than their part of the context."""
    longer = f"take a model that reads more than {context:,} tokens at once"
    if room < context:
        longer = f"set evaluate.decode.max_new_tokens below {context - room:,}, or {longer}"
    return f"To cut fewer, {longer}"


def prompt_of(row: Mapping[str, Any]) -> Source:
    """What the model is asked in a test row: the turns of a conversation, a text to continue as it stands, or a source
    that the task's template stands around."""
    if "turns" in row:
        return row["turns"]
    return Beginning(row["source"]) if row.get("continues") else row["source"]


def predicted(row: TestRow, answer: Answer, references: list[str]) -> Prediction:
    """What is told of an answer to a test row, a conversation's turns as people read them."""
    told: Prediction = {
        "prompt": row["prompt"],
        "prediction": answer.text,
        "references": references,
        "cut_off": answer.cut_off,
    }
    if "turns" in row:
        told["turns"] = [{"role": turn["role"], "content": said(turn)} for turn in row["turns"]]
    return told


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Generate a text for each test prompt and score them, white space at the ends aside."""
    examples, facts, decode = tuned.test_rows(), tuned.facts, tuned.config.decode
    form = cast(WrittenText, tuned.task).trained_format(tuned.tokenizer, facts)
    answers = write_answers(tuned, form, list(map(prompt_of, examples)))
    references = [[text.strip() for text in row["references"]] for row in examples]
    rows = [
        predicted(example, answer, row)
        for example, answer, row in zip(examples, answers, references, strict=True)
    ]
    decoding = describe_decoding(decode, tuned.seed)
    texts = GeneratedTexts([row["prediction"] for row in rows], references, tuned.bootstrap, decoding)
    return [*score_texts(texts, tuned.config), *count_failures(texts, answers)], rows


def figures(settings: FinetuneConfig, splits: Splits) -> dict[str, Figure]:
    """What the metrics tell that need no settings."""
    return {name: figure for told in figures_by_metric().values() for name, figure in told.items()}


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of texts that were written before, such as those of another run."""
    texts = [row["prediction"] for row in rows]
    return score_texts(
        GeneratedTexts(texts, [row["references"] for row in rows], bootstrap, "rescored"), config
    )


def count_failures(texts: GeneratedTexts, answers: Sequence[Answer]) -> list[Result]:
    """How many predictions hold no text, how many were cut off at the longest length, and how many prompts were cut."""
    counts = {
        "empty_predictions": sum(not answer.text for answer in answers),
        "cut_off_predictions": sum(answer.cut_off for answer in answers),
        SHORTENED: sum(answer.shortened for answer in answers),
    }
    found = (
        Result(texts.model, name, count, None, None, len(answers), texts.decoding)
        for name, count in counts.items()
    )
    return shown(found, FAILURES)
