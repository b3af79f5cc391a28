"""Fill-in-the-middle: what a document becomes can be put together again, and follows from seed and sample alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pipeline.config.data import DataConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from train.data.batches import PADDING, Examples
from train.models import IGNORE_INDEX
from train.objectives import build_objective
from train.objectives.fill_in_the_middle import NAMES, Cuts, Sentinels, sentinels

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LENGTH = 48
TEXTS = [
    f"Document {number} tells of naïve 中文 characters and words, {number * 7} of them."
    for number in range(12)
]


@pytest.fixture(scope="module")
def speller() -> "PreTrainedTokenizerFast":
    """A byte-level BPE with the three tokens, whose words have several pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|endoftext|>", *NAMES[0]],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|endoftext|>")


@pytest.fixture
def stream(speller: "PreTrainedTokenizerFast", tmp_path: Path) -> TokenStream:
    with ShardWriter(tmp_path, "train-00000", token_dtype(len(speller)), "") as writer:
        for text in TEXTS:
            writer.write(np.array([*speller.encode(text), speller.eos_token_id]))
    ShardIndex("<u2", len(speller), speller.eos_token_id, "hash", {"train": [writer.file]}).save(tmp_path)
    return TokenStream(tmp_path, "train", "")


def examples(
    speller: "PreTrainedTokenizerFast", stream: TokenStream, packing: str = "concatenate", **fields: float
) -> Examples:
    objective = build_objective(CausalConfig(**fields), speller, seed=3)
    return objective.examples(stream, DataConfig(packing=packing), LENGTH)  # type: ignore[arg-type]


def documents(row: np.ndarray, eos: int) -> list[list[int]]:
    return [part[part != eos].tolist() for part in np.split(row, np.flatnonzero(row == eos) + 1)]


def put_together(told: list[int], tokens: Sentinels) -> list[int] | None:
    """What a document was; None where it is cut off before its middle is there."""
    if tokens.prefix not in told:
        return told
    if tokens.middle not in told:
        return None
    suffix, middle = told.index(tokens.suffix), told.index(tokens.middle)
    if suffix == 1:
        return told[middle + 1 :] + told[2:middle]
    return told[1:suffix] + told[middle + 1 :] + told[suffix + 1 : middle]


@pytest.mark.parametrize("spm_rate", [0.0, 1.0, 0.5])
def test_a_document_can_be_put_together_again(speller, stream, spm_rate: float) -> None:
    plain, told = (examples(speller, stream, fim_rate=rate, fim_spm_rate=spm_rate) for rate in (0.0, 1.0))
    tokens, eos = sentinels(speller), speller.eos_token_id
    assert tokens is not None
    indices = np.arange(len(plain))
    given, found = plain.collate(indices, indices), told.collate(indices, indices)
    whole = psm = 0
    for ids, others in zip(given["input_ids"].numpy(), found["input_ids"].numpy(), strict=True):
        pairs = list(zip(documents(ids, eos), documents(others, eos), strict=False))
        for before, after in pairs[:-1]:  # the last is cut by the window's end
            restored = put_together(after, tokens)
            assert restored is not None
            assert speller.decode(restored) == speller.decode(before)
            whole += bool(before)
            psm += bool(before) and after[1] != tokens.suffix
    assert whole > 5
    assert (psm == 0) if spm_rate == 1 else psm > 0
    assert torch.equal(found["labels"][:, :-1], found["input_ids"][:, 1:])
    assert given["input_ids"].shape == found["input_ids"].shape
    assert (told.target_counts(indices, indices) == LENGTH).all()


def test_it_follows_from_the_sample_and_is_another_in_each_epoch(speller, stream) -> None:
    made = examples(speller, stream, fim_rate=0.7)
    indices = np.arange(len(made))
    first, later = made.collate(indices, indices), made.collate(indices, indices + len(made))
    assert not torch.equal(first["input_ids"], later["input_ids"])
    again = examples(speller, stream, fim_rate=0.7).collate(indices[::-1].copy(), indices[::-1].copy())
    assert torch.equal(again["input_ids"].flip(0), first["input_ids"])


def test_share_of_documents_and_padding_rows(speller, stream) -> None:
    made = examples(speller, stream, fim_rate=0.5)
    tokens = sentinels(speller)
    assert tokens is not None
    indices = np.zeros(400, np.int64)
    rows = made.collate(indices, np.arange(400))["input_ids"].numpy()
    assert (rows[:, 0] == tokens.prefix).mean() == pytest.approx(0.5, abs=0.08)
    padding = made.collate(np.array([PADDING]), np.array([0]))
    assert (padding["labels"] == IGNORE_INDEX).all()
    assert (padding["input_ids"] != tokens.prefix).all()


def test_documents_stay_apart_and_validation_stays_plain(speller, stream) -> None:
    made = examples(speller, stream, "mask", fim_rate=1.0)
    batch = made.collate(np.arange(2), np.arange(2))
    begins = batch["input_ids"] == speller.eos_token_id
    places = torch.arange(LENGTH).expand_as(begins)
    assert torch.equal(batch["segments"], torch.where(begins, places, 0).cummax(1).values)
    objective = build_objective(CausalConfig(fim_rate=1.0), speller, seed=3)
    plain = objective.validation_examples(stream, DataConfig(), LENGTH).collate(np.arange(2), np.arange(2))
    assert torch.equal(
        plain["input_ids"], examples(speller, stream).collate(np.arange(2), np.arange(2))["input_ids"]
    )


def test_cuts_are_between_characters_where_a_token_can_be_cut(speller) -> None:
    cuts, text = Cuts(speller), TEXTS[3]
    ids = speller.encode(text)
    inside = 0
    for place in range(text.index("中")):
        before, after = cuts.cut(ids, place)
        assert speller.decode(before + after) == text
        inside += speller.decode(before) == text[:place]
    assert inside >= text.index("中") - 3  # of ï, which is two tokens, each of them a half
    for place in range(len(ids)):
        before, after = cuts.cut([*ids, speller.eos_token_id], place)
        assert (before + after)[-1] == speller.eos_token_id


def test_a_tokenizer_without_the_tokens_and_whole_documents_are_refused(tokenizer) -> None:
    with pytest.raises(UserError, match=r"<\|fim_prefix\|>.*tokenizer\.special_tokens"):
        build_objective(CausalConfig(fim_rate=0.5), tokenizer, seed=0)
    config = CausalConfig(fim_rate=0.5)
    assert not config.fits_any_tokenizer
    (problem,) = config.misfits(DecoderConfig(), DataConfig(packing="best_fit"))
    assert "data.packing=mask" in problem
