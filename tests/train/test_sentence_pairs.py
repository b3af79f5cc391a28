"""Sentence pairs of the masked objective: what is drawn, what is learned of it, and what is refused."""

import numpy as np
import pytest
import torch
import transformers

from pipeline.config.data import DataConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.objectives.masked import MaskedConfig
from pipeline.errors import UserError
from tests.train.test_masked import CLS, MASK, SEP, SIZE, ListStream, objective, tokenizer
from tests.train.test_objectives import batches
from train.checkpoints.hugging_face import read_folder
from train.data.batches import PADDING
from train.models import IGNORE_INDEX, MaskedLanguageModel, build_model
from train.models.encoder.hf_config import to_hf_config
from train.objectives.masked import Masked
from train.objectives.sentence_pairs import SentencePairs
from train.objectives.sentence_starts import SentenceStarts

DOT, LENGTH = 12, 24
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


class Documents(ListStream):
    """Twenty documents; each has a word of its own and sentences of three or four tokens."""

    def __init__(self, count: int = 20):
        drawn, ids, self._bounds = np.random.default_rng(0), list[int](), [0]
        for number in range(count):
            for _ in range(int(drawn.integers(4, 12))):
                ids += [[5, 8, 11][number % 3]] * int(drawn.integers(2, 4)) + [DOT]
            self._bounds.append(len(ids := [*ids, SEP]))
        super().__init__(ids)

    def document_starts(self) -> np.ndarray:
        return np.array(self._bounds)


def batch_of(made: Masked, samples: range, count: int = 20) -> tuple[SentencePairs, dict[str, torch.Tensor]]:
    examples = made.examples(Documents(count), DataConfig(), LENGTH)
    assert isinstance(examples, SentencePairs)
    indices, numbers = np.arange(len(samples)) % len(examples), np.array(samples)
    batch = examples.collate(indices, numbers)
    counts = examples.target_counts(indices, numbers)
    assert counts.tolist() == (batch["labels"] != IGNORE_INDEX).sum(1).tolist()
    return examples, batch


def texts(batch: dict[str, torch.Tensor], row: int) -> tuple[list[int], list[int]]:
    """The two texts of a pair, with what is hidden put back, out of their frame."""
    ids, length = batch["input_ids"][row].clone(), int(batch["lengths"][row])
    known = batch["labels"][row] != IGNORE_INDEX
    ids[batch["places"][row][known]] = batch["labels"][row][known]
    types = batch["token_types"][row]
    assert ids[0] == CLS
    assert (ids[length:] == 0).all()
    assert (types[length:] == 0).all()
    first, second = (
        ids[: int((types == 0)[:length].sum())].tolist(),
        ids[:length][types[:length] == 1].tolist(),
    )
    assert (first[-1], second[-1]) == (SEP, SEP)
    return first[1:-1], second[:-1]


@pytest.mark.parametrize("kind", ["next_sentence", "sentence_order"])
def test_half_of_the_pairs_stand_as_in_their_document(kind):
    made, stream = objective(pairs=kind, masked=1, random=0), Documents().read(0, 10**6)
    whole = " ".join(map(str, stream))
    examples, batch = batch_of(made, range(400))
    labels, found = batch["pairs"], [texts(batch, row) for row in range(400)]
    assert 0.4 < labels.float().mean() < 0.6
    for label, (first, second) in zip(labels.tolist(), found, strict=True):
        assert 2 <= len(first) + len(second) <= LENGTH - 3
        in_order = second + first if (kind == "sentence_order" and label) else first + second
        if kind == "sentence_order" or not label:
            assert f" {' '.join(map(str, in_order))} " in f" {whole} ", "one run of the document's tokens"
            assert (first if in_order[0] == first[0] and in_order == first + second else second)[-1] == DOT
        else:
            assert first[-1] == DOT, "a text ends where a sentence ends"
            assert second[0] != DOT, "and another begins with one"
    # A text of another document has another word in two of three cases.
    strange = [set(a) - {DOT} != set(b) - {DOT} for a, b in found]
    expected = 2 / 3 * labels.float().mean() if kind == "next_sentence" else 0
    assert np.mean(strange) == pytest.approx(float(expected), abs=0.06)
    hidden = (batch["input_ids"] == MASK).sum(1)
    assert hidden.tolist() == [max(1, round(0.15 * (n - 3))) for n in batch["lengths"].tolist()]
    assert len(examples) == 20 * 2 - sum(
        n <= LENGTH - 2 for n in np.diff(Documents().document_starts())
    ) + sum(n > 2 * (LENGTH - 3) + 1 for n in np.diff(Documents().document_starts())), (
        "the fewest pieces that fit"
    )


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_what_is_drawn_follows_from_the_sample_and_comes_anew(unit):
    made = objective(pairs="next_sentence", unit=unit)
    examples, batch = batch_of(made, range(30))
    alone = [examples.collate(np.array([n % len(examples)]), np.array([n])) for n in range(30)]
    for name, tensor in batch.items():
        assert torch.equal(torch.cat([each[name] for each in alone]), tensor)
    later = examples.collate(np.arange(30) % len(examples), np.arange(30) + 1000)
    assert (later["input_ids"] != batch["input_ids"]).any(1).float().mean() > 0.9
    padded = examples.collate(np.array([3, PADDING]), np.array([3, PADDING]))
    assert padded["pairs"].tolist() == [batch["pairs"][3], IGNORE_INDEX]
    assert (padded["labels"][1] == IGNORE_INDEX).all()


def test_ranks_and_a_resume_read_the_same_pairs():
    examples, _ = batch_of(objective(pairs="sentence_order"), range(1))
    whole = batches(examples, 0, 1, 1, start=0, steps=4)
    (resumed,) = batches(examples, 0, 1, 1, start=3, steps=4)
    assert whole[3].keys() == resumed.keys()
    assert all(torch.equal(whole[3][name], resumed[name]) for name in resumed)
    halves = [batches(examples, rank, 2, 1, start=3, steps=4)[0] for rank in range(2)]
    assert torch.equal(torch.cat([half["input_ids"] for half in halves]), resumed["input_ids"])
    assert halves[0]["loss_scale"] == 2 * resumed["loss_scale"]


@pytest.mark.parametrize("ours", [True, False])
def test_the_loss_is_that_of_bert_for_pretraining(ours, tmp_path):
    """Of pairs of one length: of others each weighs as much as its masked tokens."""
    torch.manual_seed(0)
    if ours:
        config = EncoderConfig(layers=2, hidden=16, heads=2, mlp=32, context=LENGTH, pair_head=True)
    else:
        config = HuggingFaceConfig(config={"model_type": "bert", **SIZES}, context=LENGTH, pair_head=True)
    model = build_model(config, SIZE)
    assert isinstance(model, MaskedLanguageModel)
    if ours:
        assert isinstance(config, EncoderConfig)
        fields = to_hf_config(config, SIZE)
        assert fields["architectures"] == ["BertForPreTraining"]
        theirs = transformers.BertForPreTraining(transformers.BertConfig(**fields))
        theirs.load_state_dict(model.state_dict())  # strict: every name, no other
    else:
        theirs = model.model
    model.eval(), theirs.eval()
    made = objective(pairs="next_sentence")
    _, batch = batch_of(made, range(60))
    rows = batch["lengths"] == batch["lengths"].mode().values
    batch = {name: tensor[rows] for name, tensor in batch.items()}
    ids = batch["input_ids"]
    everywhere = torch.full_like(ids, IGNORE_INDEX).scatter(1, batch["places"], batch["labels"])
    given = theirs(
        ids,
        token_type_ids=batch["token_types"],
        attention_mask=(torch.arange(LENGTH) < batch["lengths"][:, None]).long(),
        labels=everywhere,
        next_sentence_label=batch["pairs"],
    )
    loss = made.loss(model, batch)
    torch.testing.assert_close((loss.total + loss.auxiliary) / loss.tokens, given.loss)
    (loss.total + loss.auxiliary).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    judged = given.seq_relationship_logits.argmax(-1) == batch["pairs"]
    assert loss.figures["pair_accuracy"] == (judged.sum(), len(ids))
    with torch.no_grad():
        each = made.example_losses(model, batch)
    assert sum(float(one.figures["pair_loss"].total) for one in each) == pytest.approx(
        float(loss.figures["pair_loss"].total), rel=1e-4
    )
    assert made.figures.keys() == each[0].figures.keys()
    if ours:  # and back from a folder of theirs
        theirs.save_pretrained(tmp_path)
        again = build_model(config, SIZE)
        read_folder(tmp_path, "pretrain.init=bert").fill(again)
        torch.testing.assert_close(again.state_dict(), model.state_dict())


def test_a_head_for_tasks_takes_the_place_of_the_pairs():
    for section in (
        EncoderConfig(layers=1, hidden=16, heads=2, context=8, pair_head=True),
        HuggingFaceConfig(config={"model_type": "albert", "embedding_size": 8, **SIZES}, pair_head=True),
    ):
        model = build_model(section, SIZE)
        assert isinstance(model, MaskedLanguageModel)
        ids = torch.randint(SIZE, (2, 8))
        pairs = {"lengths": torch.tensor([8, 6]), "token_types": torch.zeros_like(ids)}
        assert model.judge(ids, **pairs).shape == (2, 2)
        model.drop_output()
        model.hidden(ids).sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())


def test_what_does_not_fit_is_told():
    pairs, head = MaskedConfig(pairs="sentence_order"), EncoderConfig(pair_head=True)
    assert not list(pairs.misfits(head, DataConfig()))
    (lacking,) = pairs.misfits(EncoderConfig(), DataConfig())
    assert "set model.pair_head=true" in lacking
    (idle,) = MaskedConfig().misfits(head, DataConfig())
    assert "nothing trains without objective.pairs" in idle
    (mixed,) = pairs.misfits(head, DataConfig(packing="mask"))
    assert "data.packing=mask has nothing to keep apart" in mixed
    assert "BERT's layout" in EncoderConfig.model_construct(layout="modernbert", pair_head=True).problems()[0]
    assert "frame=false" in MaskedConfig.model_construct(pairs="sentence_order", frame=False).problems()[0]
    electra = HuggingFaceConfig(config={"model_type": "electra", **SIZES}, pair_head=True)
    with pytest.raises(
        UserError, match="ElectraForPreTraining of transformers has no layers that judge pairs"
    ):
        build_model(electra, SIZE)
    with pytest.raises(UserError, match="a single one"):
        batch_of(objective(pairs="next_sentence"), range(2), count=1)
    assert len(batch_of(objective(pairs="sentence_order"), range(2), count=1)[0]) > 0


def test_where_sentences_begin_is_read_from_the_tokens():
    starts = SentenceStarts.of(tokenizer(), SIZE)
    ids = np.array([DOT, 8, 6, DOT, DOT, 5, DOT, 6, 8, DOT])  # . dd ##b . . aa . ##b dd .
    assert starts.within(ids).tolist() == [1, 5]
