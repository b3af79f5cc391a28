"""Prompts with gaps: how they are read, and how what is written is shown."""

import pytest
from transformers import PreTrainedTokenizerFast

from tests.train.conftest import train_tokenizer
from train.generation.gaps import Gaps

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
