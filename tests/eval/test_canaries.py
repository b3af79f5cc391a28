"""Exposure: of canaries that a model has learned by heart, and of others."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import skewnorm

from eval.language_model.canaries import EXPOSURES, canary_results, exposures, text_nats
from eval.language_model.skew_normal import SkewNormal
from eval.reporting.result_table import result_tables
from eval.results import Bootstrap, Result
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError
from pipeline.formats.canaries import Canary, CanaryFormat, draw_canaries, write_canaries
from pipeline.formats.tokenizers import TextEncoder
from train.models import LanguageModel

FORMAT = "My code is {digits:3}."
CANARIES = draw_canaries(FORMAT, 6, [1, 12], seed=0)
CHANCE = 1 / math.log(2)


@pytest.fixture(scope="module")
def model(tiny_model: Callable[..., LanguageModel]) -> LanguageModel:
    """Trained on nothing but canaries, with other texts of the format, each once, until it knows what it saw often."""
    known = {canary.number for canary in CANARIES}
    others = [CanaryFormat(FORMAT).text(number) for number in range(0, 1000, 12) if number not in known]
    texts = [canary.text for canary in CANARIES for _ in range(canary.repeats)] + others
    ids = torch.tensor([[0, *(5 + ALPHABET.index(byte) for byte in text.encode())] for text in texts])
    model, draw = tiny_model(init_std=0.05), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(150):
        batch = ids[draw.integers(0, len(ids), 32)]
        loss = model(batch[:, :-1], batch[:, 1:])
        (loss.total / loss.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def alphabet() -> list[int]:
    """The bytes by their ids in the test's tokenizer."""
    from tokenizers import decoders, pre_tokenizers

    decoder = decoders.ByteLevel()
    printable = {
        sign: decoder.decode([sign]).encode() for sign in sorted(pre_tokenizers.ByteLevel.alphabet())
    }
    return [text[0] if len(text) == 1 else -1 for text in printable.values()]


ALPHABET = alphabet()


@pytest.fixture
def results(
    model: LanguageModel, save_tokenizer: Callable, make_context: Callable, tmp_path: Path
) -> Callable[[int], dict[str, Result]]:
    def measure(candidates: int) -> dict[str, Result]:
        (tmp_path / "clean").mkdir(exist_ok=True)
        write_canaries(tmp_path / "clean", CANARIES)
        context = make_context(
            tmp_path / "out", clean=tmp_path / "clean", tokenizer=save_tokenizer(tmp_path / "tokenizer")
        )
        config = EvaluateConfig(memorization={"candidates": candidates})
        found = canary_results(model, config, Bootstrap(200, 0.95, 0), context)
        assert [table.title for table in result_tables(found)] == ["Memorized text"]
        return {result.name: result for result in found}

    return measure


def test_what_stood_there_often_stands_out_and_what_never_did_does_not(
    results: Callable[[int], dict[str, Result]], encoder: TextEncoder, model: LanguageModel, tmp_path: Path
) -> None:
    found = results(1000)
    assert list(found) == ["exposure_0", "exposure_1", "exposure_12"]
    often, never = found["exposure_12"], found["exposure_0"]
    assert often.value > 8  # of log2 1000 = 9.97
    assert never.value < 3.5
    assert often.low is not None
    assert often.low > 7
    assert "ranked among all" in often.signature
    # Against ranks by the definition, from losses that torch gives of one text at a time.
    rows = [json.loads(line) for line in (tmp_path / "out" / EXPOSURES).read_text().splitlines()]
    form = CanaryFormat(FORMAT)
    losses = [loss_of(model, encoder, form.text(number)) for number in range(1000)]
    for canary, row in zip(CANARIES, rows, strict=True):
        own = losses[canary.number]
        rank = sum(loss <= own + 1e-4 for loss in losses)
        assert row["exposure"] == pytest.approx(math.log2(1000) - math.log2(rank), abs=0.15)
        assert row["text"] == canary.text


def loss_of(model: LanguageModel, encoder: TextEncoder, text: str) -> float:
    ids = torch.tensor([[encoder.eos_id, *encoder.encode(text).tolist()]])
    with torch.inference_mode():
        logits = model(ids[:, :-1])
        assert isinstance(logits, torch.Tensor)
        return torch.nn.functional.cross_entropy(logits[0].double(), ids[0, 1:], reduction="sum").item()


def test_a_sample_tells_about_the_same_as_all(results: Callable[[int], dict[str, Result]]) -> None:
    exact, sampled = results(1000), results(500)
    assert "skew-normal distribution of 500 others" in sampled["exposure_0"].signature
    for name in ("exposure_0", "exposure_1"):
        assert sampled[name].value == pytest.approx(exact[name].value, abs=0.7)
    assert sampled["exposure_12"].value == pytest.approx(exact["exposure_12"].value, abs=1.5)


def gaussian(numbers: Sequence[str]) -> np.ndarray:
    """Losses that have nothing to do with training: by the text alone."""
    seeds = [int.from_bytes(text.encode()[-7:], "big") for text in numbers]
    return np.array([np.random.default_rng(seed).gamma(20) for seed in seeds])


@pytest.mark.parametrize(
    ("form", "method"), [("{digits:3}", "ranked among all"), ("{digits:6}", "skew-normal")]
)
def test_chance_is_what_the_paper_says(form: str, method: str) -> None:
    """A rank at random has log2 e bits on average, whichever way it is known."""
    canaries = draw_canaries(form, 200, [1], seed=5)
    values, told = exposures(canaries, gaussian, 2000)
    assert told.startswith(method)
    assert values.mean() == pytest.approx(CHANCE, abs=0.25)
    assert np.median(values) == pytest.approx(1, abs=0.25)


def test_equal_losses_are_no_exposure() -> None:
    canaries = draw_canaries("{digits:3}", 5, [1], seed=0)
    assert exposures(canaries, lambda texts: np.ones(len(texts)), 2000).values.tolist() == [0.0] * 10


def test_no_exposure_is_above_the_number_of_secrets() -> None:
    canary = Canary("canary-0", "{digits:6}", 7, "000007", 9)
    values, _ = exposures(
        [canary], lambda texts: np.array([0 if t == "000007" else gaussian([t])[0] for t in texts]), 500
    )
    assert values.tolist() == [math.log2(10**6)]


@pytest.mark.parametrize("shape", [-4.0, 0.0, 1.5, 6.0])
def test_the_distribution_is_scipys(shape: float) -> None:
    ours, theirs = SkewNormal(30.0, 2.0, shape), skewnorm(shape, 30.0, 2.0)
    for share in (0.001, 0.2, 0.5, 0.99):
        value = float(theirs.ppf(share))
        assert ours.log2_share_below(value) == pytest.approx(math.log2(share), abs=1e-3)
    fitted = SkewNormal.fit(theirs.rvs(200_000, random_state=0))
    assert fitted.log2_share_below(float(theirs.ppf(0.01))) == pytest.approx(math.log2(0.01), abs=0.15)
    # Where scipy's own share is 0: by integration of its density.
    far = 30.0 - 2 * 20
    assert SkewNormal(30.0, 2.0, 0.0).log2_share_below(far) == pytest.approx(
        torch.special.log_ndtr(torch.tensor(-20.0, dtype=torch.float64)).item() / math.log(2), abs=0.01
    )


def test_losses_do_not_depend_on_the_batch(encoder: TextEncoder, model: LanguageModel) -> None:
    texts = ["My code is 123.", "An", "A longer text than the others are."]
    ids = encoder.encode_batch(texts)
    expected = [loss_of(model, encoder, text) for text in texts]
    for tokens in (1, 50, 1000):
        assert text_nats(model, ids, encoder.eos_id, tokens) == pytest.approx(expected, abs=1e-3)


def test_canaries_longer_than_the_context_are_told(
    model: LanguageModel, save_tokenizer: Callable, make_context: Callable, tmp_path: Path
) -> None:
    (tmp_path / "clean").mkdir()
    write_canaries(tmp_path / "clean", draw_canaries("{digits:65}", 1, [1], 0))
    context = make_context(
        tmp_path / "out", clean=tmp_path / "clean", tokenizer=save_tokenizer(tmp_path / "tokenizer")
    )
    with pytest.raises(
        UserError, match="makes texts of 65 tokens, and the model's context is 64; shorten it"
    ):
        canary_results(model, EvaluateConfig(), Bootstrap(0, 0.95, 0), context)
