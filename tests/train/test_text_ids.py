"""Texts and pairs in the frame of their tokenizer, and the vector that is made of their tokens' states."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from pipeline.config.models.lstm import LSTMConfig
from train.finetuning.classifier import Classifier
from train.finetuning.examples import LabelExamples
from train.finetuning.pooling import pool
from train.finetuning.text_ids import Frame, encode_texts
from train.models import as_body, build_model

WORDS = ["[PAD]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e"]
PAD, CLS, SEP, A, B, C, D, E = range(8)


def tokenizer(pair: str | None) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel({word: id for id, word in enumerate(WORDS)}, unk_token="[PAD]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if pair is not None:
        special = [("[CLS]", CLS), ("[SEP]", SEP)]
        backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", pair, special)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.mark.parametrize("pair", ["[CLS] $A [SEP] $B:1 [SEP]:1", "[CLS] $A [SEP] [SEP] $B [SEP]", None])
def test_texts_and_pairs_stand_in_the_frame_of_their_tokenizer(pair):
    made = tokenizer(pair)
    ids = encode_texts(["a b", ("a b c", "d [SEP]"), ""], made, 20)
    middle = [SEP, SEP] if pair and pair.count("[SEP]") == 3 else [SEP]
    assert [row.tolist() for row in ids.input_ids] == [
        [CLS, A, B, SEP],
        # A control token that a text spells is none: here it is an unknown word.
        [CLS, A, B, C, *middle, D, PAD, SEP],
        [CLS, SEP],
    ]
    assert ids.token_types is not None
    assert ids.token_types[1].tolist() == [0] * (4 + len(middle)) + [1, 1, 1]
    assert not ids.token_types[0].any()
    assert ids.cut == 0
    if pair:
        assert ids.input_ids[1].tolist()[:-2] == made("a b c", "d").input_ids[:-1]


def test_the_longer_text_of_a_pair_loses_its_end_first():
    made = tokenizer("[CLS] $A [SEP] $B:1 [SEP]:1")
    ids = encode_texts([("a b c d e", "d e"), ("a", "b c d e"), ("a b c", "c d e"), "a b c d e"], made, 7)
    assert [row.tolist() for row in ids.input_ids[:2]] == [
        [CLS, A, B, SEP, D, E, SEP],
        [CLS, A, SEP, B, C, D, SEP],
    ]
    assert [len(row) for row in ids.input_ids] == [7, 7, 7, 7]
    assert ids.cut == 3


def test_a_decoders_tokenizer_puts_its_eos_between_two_texts(plain_tokenizer):
    assert Frame.of(plain_tokenizer) == Frame(between=(plain_tokenizer.eos_token_id,))
    assert encode_texts(["ab"], plain_tokenizer, 9).token_types is None


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_pooling_takes_a_text_alone_beside_padding_and_in_a_shared_row(pooling):
    torch.manual_seed(0)
    texts = [torch.randn(size, 4) for size in (3, 5, 1)]
    alone = torch.cat([pool(text[None], torch.tensor([len(text)]), None, None, pooling) for text in texts])
    expected = {
        "first": [t[0] for t in texts],
        "last": [t[-1] for t in texts],
        "mean": [t.mean(0) for t in texts],
    }
    torch.testing.assert_close(alone, torch.stack(expected[pooling]))
    padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=9.0)
    torch.testing.assert_close(pool(padded, torch.tensor([3, 5, 1]), None, None, pooling), alone)
    shared = torch.stack([torch.cat([texts[0], texts[2], torch.full((1, 4), 9.0)]), texts[1]])
    segments = torch.tensor([[0, 0, 0, 3, 4], [0, 0, 0, 0, 0]])
    ends, rows = torch.tensor([3, 5, 4]), torch.tensor([0, 1, 0])
    torch.testing.assert_close(pool(shared, ends, rows, segments, pooling), alone)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_any_body_carries_a_head_and_reads_packed_texts_as_padded_ones(pooling):
    torch.manual_seed(0)
    body = as_body(build_model(LSTMConfig(hidden=8, embedding=8, context=16), len(WORDS)))
    model = Classifier(body, ["no", "yes"], pooling).eval()
    made = tokenizer("[CLS] $A [SEP] $B:1 [SEP]:1")
    ids = encode_texts(["a b c d e a b", ("a", "b"), "c d"], made, 16)
    examples = LabelExamples(ids.input_ids, np.array([0, 1, 1]), PAD, 16, 0, ids.token_types)
    chosen = np.arange(3)
    padded, packed = examples.collate(chosen, chosen), examples.packed().collate(chosen, chosen)
    assert "segments" in packed
    assert packed["token_types"].shape == packed["input_ids"].shape
    for batch in (padded, packed):
        batch.pop("labels")
    torch.testing.assert_close(model(**padded), model(**packed))
