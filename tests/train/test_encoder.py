"""Our encoder, against the classes of transformers, beside padding, in shared rows, and where it learns."""

import pytest
import torch
import transformers
from torch.nn import functional as F

from pipeline.config.models.encoder import EncoderConfig
from pipeline.errors import UserError
from train.models import IGNORE_INDEX, LossSum, build_model
from train.models.encoder.hf_config import from_hf_config, to_hf_config
from train.models.encoder.model import Encoder

VOCABULARY = 61
LAYOUTS = ["bert", "modernbert"]


def settings(layout: str, **fields) -> EncoderConfig:
    sizes = {"layers": 4, "hidden": 32, "heads": 4, "mlp": 48, "context": 24, "window": 8} | fields
    return EncoderConfig(layout=layout, **sizes)


def small(layout: str, **fields) -> Encoder:
    torch.manual_seed(0)
    model = build_model(settings(layout, **fields), VOCABULARY)
    assert isinstance(model, Encoder)
    torch.manual_seed(1)
    with torch.no_grad():  # biases and gains that are not what they start as
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def of_transformers(model: Encoder) -> torch.nn.Module:
    fields = to_hf_config(model.config, VOCABULARY)
    config = transformers.AutoConfig.for_model(**fields)
    theirs = transformers.AutoModelForMaskedLM.from_config(config).eval()
    theirs.load_state_dict(model.state_dict())  # strict: every name, no other
    return theirs


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tie", [True, False])
@torch.inference_mode()
def test_it_computes_what_the_class_of_transformers_does_with_padding_and_pairs(layout, tie):
    model = small(layout, tie_embeddings=tie)
    theirs = of_transformers(model)
    ids = torch.randint(VOCABULARY, (3, 21))
    lengths = torch.tensor([21, 5, 13])
    real = torch.arange(21) < lengths[:, None]
    torch.testing.assert_close(model(ids), theirs(ids).logits, atol=2e-5, rtol=1e-5)
    padded = theirs(ids, attention_mask=real.long()).logits
    torch.testing.assert_close(model(ids, lengths=lengths)[real], padded[real], atol=2e-5, rtol=1e-5)
    if layout == "bert":
        types = torch.randint(2, ids.shape)
        pairs = theirs(ids, token_type_ids=types).logits
        torch.testing.assert_close(model(ids, token_types=types), pairs, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_its_config_is_that_of_transformers_and_back(layout):
    config = settings(layout, dropout=0.1, global_every=2)
    theirs = transformers.AutoConfig.for_model(**to_hf_config(config, VOCABULARY))
    back = from_hf_config(theirs.to_dict())
    assert back.epsilon == config.epsilon
    ignored = {"norm_eps", *(("window", "global_every") if layout == "bert" else ("token_types",))}
    assert back.model_dump(exclude=ignored) == config.model_dump(exclude=ignored)
    published = transformers.AutoConfig.for_model(layout).to_dict()
    assert from_hf_config(published).layers == published["num_hidden_layers"]
    name = "hidden_activation" if layout == "modernbert" else "hidden_act"
    with pytest.raises(UserError, match="our encoder does not compute"):
        from_hf_config(published | {name: "relu"})


@pytest.mark.parametrize("layout", LAYOUTS)
@torch.inference_mode()
def test_texts_beside_padding_and_in_shared_rows_are_read_as_if_they_stood_alone(layout):
    model = small(layout)
    texts = [torch.randint(VOCABULARY, (size,)) for size in (14, 9, 23)]
    alone = [model(text[None])[0] for text in texts]
    padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=7)
    logits = model(padded, lengths=torch.tensor([14, 9, 23]))
    for text, row in zip(alone, logits, strict=True):
        torch.testing.assert_close(row[: len(text)], text, atol=1e-5, rtol=1e-5)
    shared = torch.stack([torch.cat([texts[0], texts[1]]), torch.cat([texts[2]])])
    segments = torch.zeros(2, 23, dtype=torch.int64)
    segments[0, 14:] = 14
    packed = model(shared, segments=segments)
    torch.testing.assert_close(packed[0], torch.cat(alone[:2]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[1], alone[2], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_loss_at_some_places_is_that_of_all_and_so_are_its_gradients(layout):
    model = small(layout)
    ids, places = torch.randint(VOCABULARY, (3, 20)), torch.tensor([[3, 17, 0], [19, 1, 2], [5, 6, 0]])
    labels = torch.randint(VOCABULARY, places.shape)
    labels[0, 2] = IGNORE_INDEX
    loss = model(ids, labels, places)
    assert isinstance(loss, LossSum)
    loss.total.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    logits = model(ids)
    rows = torch.arange(3)[:, None]
    expected = F.cross_entropy(logits[rows, places].flatten(0, 1), labels.flatten(), reduction="sum")
    expected.backward()
    assert loss.tokens == 8
    torch.testing.assert_close(loss.total, expected)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, atol=1e-4, rtol=1e-4, msg=name)
    with torch.no_grad():
        torch.testing.assert_close(model(ids, labels, places).total, expected.detach())
        everywhere = torch.full_like(ids, IGNORE_INDEX)
        everywhere[rows, places] = labels
        everywhere[0, 0] = IGNORE_INDEX
        torch.testing.assert_close(model(ids, everywhere).total, expected.detach())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_recomputing_blocks_changes_no_gradient(layout):
    model = small(layout, dropout=0.0)
    ids = torch.randint(VOCABULARY, (2, 20))
    gradients = []
    for model.gradient_checkpointing in (0, 1, 2):
        model.zero_grad()
        model(ids, ids, lengths=torch.tensor([20, 12])).total.backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    for plain, *again in zip(*gradients, strict=True):
        for other in again:
            torch.testing.assert_close(plain, other, atol=0, rtol=0)


def test_a_longer_sequence_than_it_reads_is_refused():
    with pytest.raises(UserError, match="longer than the 24"):
        small("bert")(torch.zeros(1, 25, dtype=torch.int64))
