"""Examples of different lengths in a batch: those that share rows teach what they teach alone, and a step of like
lengths is as pure a function of seed and step as any."""

import numpy as np
import pytest
import torch

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.tasks.dpo import DPOConfig
from train.data.batches import PADDING, MicroBatches, TrainSamples
from train.data.length_order import STEPS, LengthOrder
from train.data.order import SampleOrder
from train.finetuning.classifier import Classifier
from train.finetuning.examples import LabelExamples, ResponseExamples
from train.models import IGNORE_INDEX, build_model

VOCAB, CONTEXT = 50, 32
LENGTHS = [5, 30, 3, 9, 17, 8, 12, 32, 4, 21]
MODELS = {
    "llama": DecoderConfig(layers=2, hidden=32, heads=2, context=CONTEXT, init_std=0.2),
    "gpt2": DecoderConfig(layout="gpt2", layers=2, hidden=32, heads=2, context=CONTEXT, init_std=0.2),
    "hf": HuggingFaceConfig(
        config={"model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "intermediate_size": 64, "initializer_range": 0.2},
        context=CONTEXT,
    ),
}


def texts() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(1, VOCAB, size) for size in LENGTHS]


def responses() -> ResponseExamples:
    """Of each the second half is learnt."""
    ids = texts()
    labels = [np.where(np.arange(len(x)) < len(x) // 2, IGNORE_INDEX, np.roll(x, -1)) for x in ids]
    return ResponseExamples(ids, labels, 0, CONTEXT, 0, 0)


def labelled() -> LabelExamples:
    return LabelExamples(texts(), np.arange(len(LENGTHS)) % 2, 0, CONTEXT, 0)


@pytest.mark.parametrize(
    ("kind", "examples"),
    [("llama", responses()), ("gpt2", responses()), ("hf", responses()), ("llama", labelled())],
    ids=["llama", "gpt2", "hf", "classifier"],
)
def test_what_shares_rows_teaches_the_same(kind: str, examples: ResponseExamples | LabelExamples) -> None:
    found = []
    for these in (examples, examples.packed()):
        torch.manual_seed(0)
        model = build_model(MODELS[kind], VOCAB)
        if isinstance(examples, LabelExamples):
            model = Classifier(model, ["no", "yes"])
        samples = TrainSamples(these, SampleOrder(len(LENGTHS), 1), len(LENGTHS), 1, 1)
        batch = samples.__getitems__(list(range(len(LENGTHS))))
        scale, windows = batch.pop("loss_scale"), batch.pop("windows")
        loss = model(**batch)
        (loss.total * scale).backward()
        found.append((loss, scale, windows, batch, dict(model.named_parameters())))
    (padded, scale, windows, apart, ours), (packed, same_scale, same_windows, shared, theirs) = found
    assert shared["input_ids"].size(0) < apart["input_ids"].size(0)
    assert shared["input_ids"].size(1) == apart["input_ids"].size(1) == CONTEXT
    assert int(padded.tokens) == int(packed.tokens)
    assert float(scale) == float(same_scale)
    assert torch.equal(windows, same_windows)
    torch.testing.assert_close(packed.total, padded.total, atol=1e-5, rtol=1e-5)
    for name, parameter in ours.items():
        torch.testing.assert_close(theirs[name].grad, parameter.grad, atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize(("accumulation", "ranks"), [(2, 1), (1, 5)])
def test_a_step_that_is_cut_into_parts_is_the_same_step(accumulation: int, ranks: int) -> None:
    size = len(LENGTHS)
    torch.manual_seed(0)
    model = build_model(MODELS["llama"], VOCAB)

    def loss(samples: TrainSamples, numbers: list[int]) -> float:
        batch = samples.__getitems__(numbers)
        scale = batch.pop("loss_scale")
        del batch["windows"]
        return float((model(**batch).total * scale).detach())

    whole = loss(TrainSamples(responses(), SampleOrder(size, 1), size, 1, 1), list(range(size)))
    samples = TrainSamples(responses().packed(), SampleOrder(size, 1), size, accumulation, ranks)
    parts = [
        loss(samples, numbers)
        for rank in range(ranks)
        for numbers in MicroBatches(size, accumulation, rank, ranks, steps=1)
    ]
    assert np.mean(parts) == pytest.approx(whole, rel=1e-5)


def test_rows_without_padding_are_not_masked_and_examples_that_are_none_are_left_out() -> None:
    packed = responses().packed()
    alone = packed.collate(np.array([1]), np.array([0]))
    assert "segments" not in alone
    assert alone["input_ids"].shape == (1, 32)
    assert torch.equal(packed.collate(np.array([1, PADDING]), np.arange(2))["labels"], alone["labels"])
    nothing = packed.collate(np.array([PADDING, PADDING]), np.arange(2))
    assert (nothing["labels"] == IGNORE_INDEX).all()


def test_a_step_of_like_lengths_is_a_pure_function_of_seed_and_step() -> None:
    size, batch, steps = 300, 4, STEPS * 3 + 7
    lengths = np.random.default_rng(0).integers(1, 100, size)

    def order() -> LengthOrder:
        return LengthOrder(SampleOrder(size, 7), lengths, batch, steps, 7)

    samples = np.arange(steps * batch)
    whole = order().items(samples)
    # Over all of training each example comes as often as in any order.
    assert sorted(whole) == sorted(SampleOrder(size, 7).items(samples))
    # In any order of asking, and for the share of any rank.
    one = order()
    for step in (steps - 1, 3, 50, 2 * STEPS, 0):
        mine = np.arange(step * batch + 1, step * batch + 3)
        assert one.items(mine).tolist() == whole[mine].tolist()
    assert len(one.items(np.arange(steps * batch, (steps + 40) * batch))) == 40 * batch
    by_step = lengths[whole].reshape(steps, batch)
    spread = (by_step.max(1) - by_step.min(1)).mean()
    assert spread < 5
    # Short and long steps are mixed.
    assert abs(np.corrcoef(np.arange(STEPS), by_step[:STEPS].mean(1))[0, 1]) < 0.5


def test_preferences_are_not_packed() -> None:
    found = DPOConfig(batching="packed", data={"train": "a.jsonl"}).problems()
    assert found == [
        "finetune.batching=packed is nothing that finetune.task=dpo knows; set it to padded or by_length"
    ]
