"""The classifier, against the classes of transformers."""

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from train.checkpoints.final_model import load_model, save_model
from train.finetuning.classifier import Classifier, load_classifier
from train.finetuning.head import save_with_head
from train.models import IGNORE_INDEX, build_model
from train.models.decoder.hf_config import to_hf_config

VOCABULARY, PAD = 50, 49
LABELS = ["bad", "fair", "good"]


def decoder(layout: str, tie: bool = True) -> DecoderConfig:
    return DecoderConfig(layout=layout, layers=2, hidden=32, heads=2, context=32, tie_embeddings=tie)


def small_classifier(config: DecoderConfig) -> Classifier:
    torch.manual_seed(0)
    return Classifier(build_model(config, VOCABULARY), LABELS).eval()


@pytest.mark.parametrize(("layout", "tie"), [("gpt2", True), ("llama", False), ("qwen3", True)])
def test_saved_weights_are_those_of_transformers(layout, tie, tmp_path):
    config = decoder(layout, tie)
    model = small_classifier(config)
    save_with_head(tmp_path, model.state_dict(), config, VOCABULARY, labels=LABELS)
    fields = to_hf_config(config, VOCABULARY, pad_token_id=PAD)
    theirs = transformers.AutoModelForSequenceClassification.from_config(
        transformers.AutoConfig.for_model(**fields, num_labels=len(LABELS))
    ).eval()
    theirs.load_state_dict(
        load_file(tmp_path / "model" / "model.safetensors")
    )  # strict: every name, no other
    ids = torch.randint(PAD, (3, 11))
    lengths = torch.tensor([11, 4, 7])
    for row, length in enumerate(lengths):
        ids[row, length:] = PAD
    loaded = load_classifier(tmp_path)
    assert loaded.labels == LABELS
    with torch.inference_mode():
        logits = loaded(ids, lengths)
        torch.testing.assert_close(logits, model(ids, lengths), atol=0, rtol=0)
        torch.testing.assert_close(logits, theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_the_loss_is_summed_over_real_rows():
    model = small_classifier(decoder("llama"))
    ids, lengths = torch.randint(PAD, (3, 8)), torch.tensor([8, 3, 1])
    loss = model(ids, lengths, torch.tensor([2, 0, IGNORE_INDEX]))
    expected = torch.nn.functional.cross_entropy(
        model(ids, lengths)[:2], torch.tensor([2, 0]), reduction="sum"
    )
    assert loss.tokens == 2
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_language_model_is_no_classifier_and_the_other_way_round(tmp_path):
    config = decoder("llama", tie=False)
    save_model(tmp_path / "lm", build_model(config, VOCABULARY).state_dict(), config, VOCABULARY)
    with pytest.raises(UserError, match="task=classify"):
        load_classifier(tmp_path / "lm")
    save_with_head(tmp_path / "cls", small_classifier(config).state_dict(), config, VOCABULARY, labels=LABELS)
    with pytest.raises(UserError, match="another architecture"):
        load_model(tmp_path / "cls")
    save_with_head(
        tmp_path / "wide", small_classifier(config).state_dict(), decoder("gpt2"), VOCABULARY, labels=LABELS
    )
    with pytest.raises(UserError, match="another architecture"):
        load_classifier(tmp_path / "wide")
