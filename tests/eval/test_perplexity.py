"""Sliding-window perplexity against the definition, one token at a time."""

import json
import math

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from eval.language_model.perplexity import check_window, document_nats, perplexity_results, stream_losses
from eval.language_model.text import tokenize_split, words_and_line_ends
from eval.results import Bootstrap
from pipeline.config.evaluation import PerplexityConfig
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import TextEncoder

EOS = 0
NO_INTERVAL = Bootstrap(0, 0.95, 1)


def one_at_a_time(model, tokens, context, stride):
    """Each token's loss from its own forward pass over exactly the history that it should see."""
    stream = [EOS, *tokens]
    losses = []
    for index, token in enumerate(tokens):
        window = 0 if index < context else math.ceil((index + 1 - context) / stride)
        history = torch.tensor([stream[window * stride : index + 1]])
        with torch.inference_mode():
            losses.append(-model(history)[0, -1].log_softmax(-1)[token].item())
    return losses


def all_losses(model, tokens, context, stride, batch_size):
    pieces = list(stream_losses(model, np.array(tokens, dtype=np.uint32), EOS, context, stride, batch_size))
    position = 0
    for start, losses in pieces:
        assert start == position
        position += len(losses)
    assert position == len(tokens)
    return np.concatenate([losses for _, losses in pieces])


@pytest.mark.parametrize("layout", ["gpt2", "llama"])
@pytest.mark.parametrize(
    ("length", "context", "stride"), [(50, 16, 8), (50, 16, 16), (50, 16, 1), (49, 16, 5), (16, 16, 4)]
)
def test_every_token_is_scored_once_with_its_history(tiny_model, layout, length, context, stride):
    model = tiny_model(31, layout=layout)
    tokens = np.random.default_rng(length).integers(0, 31, length)
    found = all_losses(model, tokens, context, stride, batch_size=3)
    np.testing.assert_allclose(found, one_at_a_time(model, tokens, context, stride), atol=2e-5)


@pytest.mark.parametrize("batch_size", [2, 3, 100])
def test_the_batch_size_does_not_matter(tiny_model, batch_size):
    model = tiny_model(31)
    tokens = np.random.default_rng(5).integers(0, 31, 300)
    one = all_losses(model, tokens, 32, 16, 1)
    np.testing.assert_allclose(all_losses(model, tokens, 32, 16, batch_size), one, rtol=0, atol=1e-5)


def test_a_uniform_model_has_the_vocabulary_size_as_its_perplexity(tiny_model, encoder, tmp_path):
    model = tiny_model()
    torch.nn.init.zeros_(model.lm_head.weight)
    with DocumentWriter(tmp_path, "test", 1) as writer:
        writer.write(Document("a", "two words " * 20))
        writer.write(Document("b", "three more words\n" * 10))
    split = tokenize_split(tmp_path, encoder, PerplexityConfig(), tmp_path)
    nats = document_nats(stream_losses(model, split.tokens, EOS, 64, 32, 4), split.ends)
    results = {
        result.name: result for result in perplexity_results("pretrain", nats, split, NO_INTERVAL, "s")
    }
    assert results["perplexity"].value == pytest.approx(261, rel=1e-5)
    assert results["perplexity"].n == 2
    tokens = 200 + 170 + 2
    assert results["word_perplexity"].value == pytest.approx(261 ** (tokens / 70), rel=1e-4)
    assert results["bits_per_byte"].value == pytest.approx(math.log2(261) * tokens / 370, rel=1e-5)


def test_losses_are_summed_by_document_across_batches():
    pieces = iter([(0, np.array([1.0, 2.0, 4.0])), (3, np.array([8.0, 16.0]))])
    assert document_nats(pieces, np.array([1, 4, 5])).tolist() == [1.0, 14.0, 16.0]


@pytest.mark.parametrize(
    ("text", "per_word", "title"),
    [
        ("语言模型" * 50, math.exp(10), "Perplexity per character"),
        ("语言，模型。\n" * 50, math.exp(10), "Perplexity per character"),
        ("two words " * 100, math.exp(10), "Perplexity per word"),
        ("https://example.org/a/b?c=" * 50, None, None),
    ],
)
def test_text_without_spaces_is_judged_by_letters_or_not_by_words(encoder, tmp_path, text, per_word, title):
    with DocumentWriter(tmp_path, "test", 1) as writer:
        writer.write(Document("a", text))
    split = tokenize_split(tmp_path, encoder, PerplexityConfig(), tmp_path)
    results = perplexity_results(
        "pretrain", np.array([2000.0]), split, NO_INTERVAL, "s", by_characters=split.by_characters
    )
    values = {result.name: result.value for result in results}
    titles = {result.name: result.title for result in results}
    assert titles.get("word_perplexity") == title
    assert values.get("word_perplexity") == (per_word and pytest.approx(per_word))
    assert [*values][-1] == "bits_per_byte"


def test_windows_that_do_not_fit_are_refused(tiny_model):
    with pytest.raises(UserError, match="longer than the 64 tokens"):
        check_window(1000, "test", 128, tiny_model())
    with pytest.raises(UserError, match="the test split has 40 tokens, less than one window of 64"):
        check_window(40, "the test split", 64, tiny_model())


def test_an_empty_split_is_refused(encoder, tmp_path):
    with pytest.raises(UserError, match="no validation text"):
        tokenize_split(tmp_path, encoder, PerplexityConfig(split="validation"), tmp_path)


def test_max_tokens_cuts_tokens_words_and_bytes_alike(encoder, tmp_path):
    with DocumentWriter(tmp_path, "test", 1) as writer:
        for name in "abc":
            writer.write(Document(name, "one two three"))
    split = tokenize_split(tmp_path, encoder, PerplexityConfig(max_tokens=18), tmp_path)
    # The first document whole (13 bytes and eos), then "one " of the second.
    assert len(split.tokens) == 18
    assert (split.ends.tolist(), split.words.tolist(), split.bytes.tolist()) == ([14, 18], [3, 1], [13, 4])


def test_the_unknown_tokens_are_counted(tmp_path):
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "[EOS]": 1, "a": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", eos_token="[EOS]")
    words.save_pretrained(tmp_path / TOKENIZER_FOLDER)
    with DocumentWriter(tmp_path, "test", 1) as writer:
        writer.write(Document("a", "a b a c"))
    split = tokenize_split(tmp_path, TextEncoder(tmp_path), PerplexityConfig(), tmp_path, unk_id=0)
    assert (split.unknown, split.tokens.tolist()) == (2, [2, 0, 2, 0, 1])


def test_words_of_wikitext_are_counted_as_in_the_literature(shared_data):
    text = shared_data("wikitext-2/wiki.test.tokens").read_text(encoding="utf-8")
    assert words_and_line_ends(text, count_line_ends=True) == 245_569
    assert words_and_line_ends(text, count_line_ends=False) == 241_211


def test_a_last_line_without_a_break_counts_as_a_line():
    assert words_and_line_ends("a b\nc", True) == words_and_line_ends("a b\nc\n", True) == 5


def test_results_are_json(tmp_path):
    from eval.results import write_results

    result = NO_INTERVAL.result("pretrain", "perplexity", lambda rows: float(len(rows)), 4, "s")
    write_results(tmp_path, [result])
    assert json.loads((tmp_path / "results.json").read_text()) == [
        {
            "model": "pretrain", "name": "perplexity", "value": 4.0, "low": None, "high": None, "n": 4,
            "signature": "s", "file": None, "title": "", "headline": None, "better": "higher", "of_text": False,
            "benchmark": False,
        }
    ]  # fmt: skip
    broken = NO_INTERVAL.result("pretrain", "perplexity", lambda rows: math.inf, 4, "s")
    with pytest.raises(ValueError, match="pretrain perplexity is inf"):
        write_results(tmp_path, [broken])
