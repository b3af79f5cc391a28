"""The masked objective: which places are hidden, by what, when, and what is told of them."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pipeline.config.data import DataConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.objectives.masked import MaskedConfig
from pipeline.errors import UserError
from train.data.batches import PADDING, Tokens
from train.models import IGNORE_INDEX, build_model
from train.objectives import build_objective
from train.objectives.masked import Masked
from train.objectives.word_starts import word_starts

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["aa", "##b", "##c", "dd", "ee", "##f", "gg", "."]
CLS, SEP, MASK = 2, 3, 4
SIZE = len(SPECIAL) + len(PIECES)


class ListStream:
    """Tokens at hand: see `train.data.batches.Tokens`."""

    name, eos_id, shared = "the tokens", SEP, None

    def __init__(self, ids: list[int]):
        self._ids = np.array(ids, np.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, start: int, length: int) -> np.ndarray:
        return self._ids[start : start + length].copy()

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        return self._ids[starts[:, None] + np.arange(length)]

    def document_starts(self) -> np.ndarray:
        return np.array([0, len(self)])


def tokenizer(mask: str | None = "[MASK]") -> PreTrainedTokenizerFast:
    vocabulary = {token: id for id, token in enumerate([*SPECIAL, *PIECES])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        eos_token="[SEP]",
        mask_token=mask,
    )


def objective(seed: int = 1, **fields) -> Masked:
    made = build_objective(MaskedConfig(**fields), tokenizer(), seed)
    assert isinstance(made, Masked)
    return made


def stream(tokens: int = 4000) -> Tokens:
    """Words of one to three tokens, with an end of a document now and then."""
    drawn = np.random.default_rng(0)
    words = ([5], [5, 6], [5, 6, 7], [8], [9, 10], [11], [12], [SEP])
    ids = [
        id
        for n in drawn.choice(len(words), tokens, p=[0.2, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1])
        for id in words[n]
    ]
    return ListStream(ids[:tokens])


def collated(made: Masked, samples: range, length: int = 32, packing="concatenate") -> dict[str, np.ndarray]:
    examples = made.examples(stream(), DataConfig(packing=packing), length)
    indices = np.arange(len(samples)) % len(examples)
    batch = examples.collate(indices, np.array(samples))
    counts = examples.target_counts(indices, np.array(samples))
    assert (counts == (batch["labels"] != IGNORE_INDEX).sum(1).numpy()).all()
    return {name: tensor.numpy() for name, tensor in batch.items()}


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_a_fixed_share_of_ordinary_tokens_is_predicted_in_a_frame(unit):
    batch = collated(objective(unit=unit, share=0.3), range(60))
    ids, places, labels = batch["input_ids"], batch["places"], batch["labels"]
    assert ids.shape == (60, 32)
    assert places.shape == labels.shape == (60, 9)  # 30% of the 30 between the frame
    assert (ids[:, 0] == CLS).all()
    assert (ids[:, -1] == SEP).all()
    assert (labels >= len(SPECIAL)).all(), "never a special token"
    assert all(len(set(row)) == 9 for row in places)
    read = np.stack([stream().read(row * 30, 30) for row in range(60)])
    assert (np.take_along_axis(read, places - 1, 1) == labels).all()
    others = np.ones_like(ids, bool)
    np.put_along_axis(others, places, False, 1)
    framed = np.pad(read, ((0, 0), (1, 1)))
    assert (ids == framed)[:, 1:-1][others[:, 1:-1]].all(), "what is not predicted stays as it is"


def test_what_is_hidden_follows_from_seed_and_sample_alone_and_comes_anew():
    made = objective()
    once, again = collated(made, range(40)), collated(made, range(40))
    assert all((once[name] == again[name]).all() for name in once)
    examples = made.examples(stream(), DataConfig(), 32)
    alone = [examples.collate(np.array([n]), np.array([n]))["input_ids"][0] for n in range(40)]
    assert (torch.stack(alone).numpy() == once["input_ids"]).all(), "whatever batch it is in"
    later = examples.collate(np.arange(40), np.arange(40) + len(examples))
    assert (later["places"].numpy() != once["places"]).any(1).mean() > 0.9, "other ones in the next epoch"
    assert (collated(objective(seed=2), range(40))["places"] != once["places"]).any(1).mean() > 0.9


def test_eight_in_ten_become_the_mask_one_a_random_token_one_stays():
    batch = collated(objective(share=0.5), range(3000))
    written = np.take_along_axis(batch["input_ids"], batch["places"], 1)
    labels = batch["labels"]
    masked, same = (written == MASK).mean(), (written == labels).mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    # A random token is the right one in one of eight cases.
    assert same == pytest.approx(0.1 + 0.1 / 8, abs=0.01)
    assert set(np.unique(written)) <= {MASK, *range(len(SPECIAL), SIZE)}
    every = collated(objective(masked=1, random=0), range(50))
    assert (np.take_along_axis(every["input_ids"], every["places"], 1) == MASK).all()


@pytest.mark.parametrize("unit", ["word", "span"])
def test_words_are_hidden_as_a_whole(unit):
    batch = collated(objective(unit=unit, share=0.3, masked=1, random=0), range(120))
    read = np.stack([np.r_[CLS, stream().read(row * 30, 30), SEP] for row in range(120)])
    chosen = np.zeros(read.shape, bool)
    np.put_along_axis(chosen, batch["places"], True, 1)
    continues = np.isin(read, [6, 7, 10])
    continues[:, 1] = False  # a window may begin within a word
    cut = (continues[:, 1:] & (chosen[:, 1:] != chosen[:, :-1])).sum(1)
    assert (cut > 0).mean() < 0.05, "only where no whole words fill the number up"
    runs = (chosen[:, 1:] > chosen[:, :-1]).sum() / 120
    mean_run = chosen.sum() / 120 / runs
    assert mean_run < 2.2 if unit == "word" else mean_run > 2.2
    assert np.unique(batch["places"]).size > 25, "everywhere"


def test_documents_that_share_a_sequence_start_behind_the_end_of_the_one_before():
    batch = collated(objective(), range(20), packing="mask")
    read = np.stack([np.r_[CLS, stream().read(row * 30, 30), SEP] for row in range(20)])
    for ids, segments in zip(read, batch["segments"], strict=True):
        starts = [0, *(place + 1 for place in range(1, 30) if ids[place] == SEP)]
        expected = [max(start for start in starts if start <= place) for place in range(31)]
        assert segments[:-1].tolist() == expected
        assert segments[-1] == segments[-2], "the frame's end is the last document's"


def test_padding_has_no_labels_and_a_window_of_special_tokens_has_fewer():
    made = objective()
    examples = made.examples(ListStream([SEP] * 28 + [5, 8] + [5] * 30), DataConfig(), 32)
    batch = examples.collate(np.array([0, 1, PADDING]), np.array([0, 1, PADDING]))
    assert (batch["labels"] != IGNORE_INDEX).sum(1).tolist() == [2, 4, 0]
    assert examples.target_counts(np.array([0, 1]), np.array([0, 1])).tolist() == [2, 4]
    assert (batch["input_ids"][0, 1:29] == SEP).all()


def test_held_out_losses_are_those_of_the_model_and_gaps_are_filled():
    torch.manual_seed(0)
    made = objective()
    sizes = {"layers": 1, "hidden": 16, "heads": 2, "context": 32}
    model = build_model(EncoderConfig(**sizes), SIZE).eval()
    batch = made.examples(stream(), DataConfig(), 32).collate(np.arange(5), np.arange(5))
    losses = made.example_losses(model, batch)
    whole = made.loss(model, batch)
    assert sum(float(loss.total) for loss in losses) == pytest.approx(whole.total.item(), rel=1e-5)
    assert sum(int(loss.tokens) for loss in losses) == int(whole.tokens) == 5 * 4
    sampler = made.sampler(["dd [MASK] aab [MASK]", "no gap"], None, 0)
    ((prompt, filled),) = sampler(model)
    assert prompt == "dd [MASK] aab [MASK]"
    assert filled.count("%") == 6
    assert ";" in filled
    assert made.sampler(["no gap"], None, 0) is None


def test_a_tokenizer_without_a_mask_token_is_told_of():
    with pytest.raises(UserError, match=r"tokenizer\.mask_token"):
        build_objective(MaskedConfig(), tokenizer(mask=None), 0)
    without = PreTrainedTokenizerFast(tokenizer_object=tokenizer().backend_tokenizer, mask_token="[MASK]")
    with pytest.raises(UserError, match=r"tokenizer\.cls_token"):
        build_objective(MaskedConfig(frame=True), without, 0)
    assert build_objective(MaskedConfig(), without, 0).frame is None


def test_which_tokens_begin_a_word_of_each_kind_of_tokenizer():
    starts = word_starts(tokenizer(), SIZE)
    assert starts.tolist() == [*[True] * 5, True, False, False, True, True, False, True, True]
    pieces = {"Ġthe": 0, "ing": 1, ".": 2, "Ċ": 3, "ä¸Ń": 4, "Ń": 5, "9": 6, "'s": 7}
    backend = Tokenizer(models.BPE(pieces, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found = word_starts(PreTrainedTokenizerFast(tokenizer_object=backend), len(pieces))
    assert found.tolist() == [True, False, True, True, True, False, False, True]
    scores = [("<unk>", 0.0), ("▁the", -1.0), ("ing", -2.0), ("中", -3.0)]
    unigram = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.Unigram(scores, 0)))
    assert word_starts(unigram, 4).tolist() == [True, True, False, True]
