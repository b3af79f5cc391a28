"""Prompts with gaps: how they are read, and how what is written is shown."""

from dataclasses import replace
from typing import cast

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from pipeline.config.objectives.span_corruption import SpanCorruptionConfig
from tests.train.conftest import train_tokenizer
from train.generation.gaps import Gaps
from train.generation.stops import Stops
from train.models import WritingModel
from train.objectives import build_objective
from train.opening.opened_model import OpenedModel

SPECIAL = ["<|endoftext|>", "<|pad|>", "<extra_id_0>", "<extra_id_1>"]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(SPECIAL)


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("The <extra_id_0> fox <extra_id_1>.", "The <extra_id_0> fox <extra_id_1>.<|endoftext|>"),
        ("The <extra_id_1> fox", "The <extra_id_1> fox<|endoftext|>"),
        ("The fox", "The fox<extra_id_0><|endoftext|>"),
        ("The <|pad|> <extra_id_7> fox", "The <|pad|> <extra_id_7> fox<extra_id_0><|endoftext|>"),
    ],
)
def test_sentinels_are_tokens_and_all_else_is_text(tokenizer, prompt, read):
    sentinels = tokenizer.convert_tokens_to_ids(SPECIAL[2:])
    ids = Gaps(tokenizer, sentinels).encode(prompt)
    assert tokenizer.decode(ids) == read
    assert tokenizer.pad_token_id not in ids
    written = {id for id in ids if id in sentinels}
    assert len(written) == (2 if "_1>." in prompt else 1)


def test_what_is_unknown_of_a_prompt_is_none_of_its_marks() -> None:
    tokens = [*SPECIAL, "<|unk|>", *"The fox"]
    made = Tokenizer(
        models.BPE({token: id for id, token in enumerate(dict.fromkeys(tokens))}, [], unk_token="<|unk|>")
    )
    letters = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=SPECIAL[0], pad_token=SPECIAL[1], unk_token="<|unk|>",
        extra_special_tokens=SPECIAL[2:],
    )  # fmt: skip
    objective = build_objective(SpanCorruptionConfig(), letters, 0)
    model = cast(WritingModel, None)
    opened = OpenedModel("gaps", model, letters, None, Stops([0]), objective)
    assert opened.describe_unknown("The <extra_id_0> fox") == ""
    assert opened.describe_unknown("The <extra_id_0> fax").endswith("tokenizer: a")
    assert replace(opened, objective=None).describe_unknown("The fax <extra_id_0>") != ""


@pytest.mark.parametrize(
    ("prompt", "written", "shown"),
    [
        ("The <extra_id_0> fox <extra_id_1>.", "<extra_id_0>quick<extra_id_1> dog", "The [quick] fox [dog]."),
        ("The <extra_id_1> fox", "<extra_id_0>quick<extra_id_1>red", "The [red] fox"),
        ("The <extra_id_0> fox <extra_id_1>.", "and <extra_id_1>", "The [] fox []."),
        ("The fox", "<extra_id_0> ran", "The fox[ran]"),
        ("The fox", "a dog", "a dog"),
        ("The fox", "", ""),
    ],
)
def test_what_is_written_is_shown_in_its_gap(tokenizer, prompt, written, shown):
    ids = tokenizer(written, add_special_tokens=False).input_ids
    gaps = Gaps(tokenizer, tokenizer.convert_tokens_to_ids(SPECIAL[2:]))
    assert gaps.shown(prompt, ids) == shown
