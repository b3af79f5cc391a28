"""Masked language models of transformers behind our interface, by way of small ones with random weights."""

import pytest
import torch
import transformers

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from train.checkpoints.hugging_face import read_folder
from train.models import IGNORE_INDEX, MaskedLanguageModel, as_body, build_model
from train.models.family import family

VOCABULARY, CONTEXT = 50, 24
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
FIELDS = {
    "bert": SIZES,
    "roberta": SIZES | {"max_position_embeddings": CONTEXT + 2, "pad_token_id": 1},
    "distilbert": {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4},
    "modernbert": SIZES | {"local_attention": 8, "embedding_dropout": 0.0},
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    "electra": SIZES | {"embedding_size": 16},
}
KEEPS_APART = {"bert", "electra", "distilbert"}


def section(model_type: str) -> HuggingFaceConfig:
    return HuggingFaceConfig(config={"model_type": model_type, **FIELDS[model_type]}, context=CONTEXT)


def small(model_type: str) -> MaskedLanguageModel:
    torch.manual_seed(0)
    model = build_model(section(model_type), VOCABULARY)
    assert isinstance(model, MaskedLanguageModel)
    return model.eval()


@pytest.mark.parametrize("model_type", FIELDS)
def test_the_head_reads_the_places_that_are_asked_for_and_learns_the_same(model_type):
    model = small(model_type)
    ids, places = torch.randint(2, VOCABULARY, (3, 20)), torch.tensor([[3, 17], [19, 1], [5, 6]])
    labels, rows = torch.randint(VOCABULARY, (3, 2)), torch.arange(3)[:, None]
    whole = model(ids)
    theirs = model.model(input_ids=ids).logits
    torch.testing.assert_close(whole, theirs)
    torch.testing.assert_close(model(ids, places=places), whole[rows, places], atol=1e-5, rtol=1e-4)
    everywhere = torch.full_like(ids, IGNORE_INDEX)
    everywhere[rows, places] = labels
    loss, expected = model(ids, labels, places), model(ids, everywhere)
    assert loss.tokens == expected.tokens == 6
    torch.testing.assert_close(loss.total, expected.total)
    assert model.hidden(ids).shape == (3, 20, model.width)


@pytest.mark.parametrize("model_type", FIELDS)
@torch.inference_mode()
def test_padding_is_not_seen_and_texts_are_kept_apart_where_the_architecture_can(model_type):
    model = small(model_type)
    ids = torch.randint(2, VOCABULARY, (2, 20))
    padded = model(ids, lengths=torch.tensor([20, 9]))
    torch.testing.assert_close(padded[1, :9], model(ids[1:, :9])[0], atol=1e-5, rtol=1e-4)
    if model_type in KEEPS_APART:
        family(section(model_type)).check_segments(model)
        segments = torch.where(torch.arange(20) < 9, 0, 9)[None]
        packed = model(ids[1:], segments=segments)
        torch.testing.assert_close(packed[0, :9], model(ids[1:, :9])[0], atol=1e-5, rtol=1e-4)
    else:
        with pytest.raises(UserError, match="cannot keep documents apart"):
            family(section(model_type)).check_segments(model)


def test_a_body_alone_is_read_and_gets_new_output_layers(tmp_path):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("bert", vocab_size=VOCABULARY, **SIZES)
    theirs = transformers.BertModel(config).eval()
    theirs.save_pretrained(tmp_path)
    found = read_folder(tmp_path, "finetune.init=bert")
    assert found.config.choice == "encoder"
    body = as_body(found.load()).eval()
    ids = torch.randint(VOCABULARY, (2, 9))
    torch.testing.assert_close(body.hidden(ids), theirs(ids).last_hidden_state, atol=1e-5, rtol=1e-4)


def test_a_config_that_lacks_what_the_architecture_needs_is_told_of():
    fields = {name: value for name, value in FIELDS["roberta"].items() if name != "pad_token_id"}
    with pytest.raises(UserError, match=r"RobertaForMaskedLM .* such as pad_token_id"):
        build_model(
            HuggingFaceConfig(config={"model_type": "roberta", **fields}, context=CONTEXT), VOCABULARY
        )


def test_the_reading_follows_from_the_config_and_from_the_section(tmp_path):
    assert section("bert").reading == "bidirectional"
    assert HuggingFaceConfig(config={"model_type": "bert", "is_decoder": True}).reading == "left_to_right"
    assert HuggingFaceConfig(config={"model_type": "t5"}).reading == "encoder_decoder"
    assert HuggingFaceConfig(config={"model_type": "qwen3"}).reading == "left_to_right"
    fields = {"model_type": "bart", "architectures": ["BartForCausalLM"]}
    assert HuggingFaceConfig(config=fields).reading == "left_to_right"
    assert HuggingFaceConfig(config={"model_type": "new"}, reads="bidirectional").reading == "bidirectional"
    config = transformers.AutoConfig.for_model("roberta", vocab_size=VOCABULARY, **FIELDS["roberta"])
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    found = HuggingFaceConfig(path=str(tmp_path), context=CONTEXT)
    assert found.reading == "bidirectional"
    assert isinstance(build_model(found, VOCABULARY), MaskedLanguageModel)
    assert family(found).flops_per_token(found, VOCABULARY, CONTEXT)
    with pytest.raises(UserError, match="is no masked language model"):
        build_model(HuggingFaceConfig(config={"model_type": "gpt2"}, reads="bidirectional"), VOCABULARY)
