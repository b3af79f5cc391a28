"""Classifiers on encoders and on models of transformers: each with the head of its architecture's own class."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pipeline.config.models import ModelConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from tests.train.test_masked_hf import FIELDS
from train.finetuning.classifier import Classifier, load_classifier, save_classifier
from train.models import as_body, build_model
from train.models.family import family

VOCABULARY, CONTEXT, LABELS = 50, 24, ["bad", "fair", "good"]
SIZES = {"layers": 3, "hidden": 32, "heads": 4, "context": CONTEXT}
SECTIONS: dict[str, ModelConfig] = {
    **{layout: EncoderConfig(layout=layout, window=8, **SIZES) for layout in ("bert", "modernbert")},
    **{
        f"hf {name}": HuggingFaceConfig(config={"model_type": name, **fields}, context=CONTEXT)
        for name, fields in FIELDS.items()
    },
    "hf qwen2": HuggingFaceConfig(
        config={"model_type": "qwen2", "num_key_value_heads": 2, **FIELDS["bert"]}, context=CONTEXT
    ),
}
POOLING = {"hf qwen2": "last"}


def small(name: str) -> Classifier:
    torch.manual_seed(0)
    body = as_body(build_model(SECTIONS[name], VOCABULARY))
    model = Classifier(body, LABELS, POOLING.get(name, "first"))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize("name", SECTIONS)
def test_the_export_is_what_the_class_of_transformers_for_labels_computes(name: str, tmp_path: Path) -> None:
    model = small(name)
    save_classifier(tmp_path, model.state_dict(), SECTIONS[name], VOCABULARY, LABELS, pooling=model.pooling)
    loaded = load_classifier(tmp_path)
    folder = tmp_path / "export"
    folder.mkdir()
    ids = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 1}
    weights = tmp_path / "model/model.safetensors"
    fields = family(SECTIONS[name]).export(loaded.backbone, weights, folder, VOCABULARY, ids)
    assert fields is not None
    assert model.pooling in loaded.backbone.exported_poolings
    fields["architectures"] = [fields["architectures"][0].replace("MaskedLM", "SequenceClassification")]
    labelled = {"id2label": {str(number): label for number, label in enumerate(LABELS)}}
    (folder / "config.json").write_text(json.dumps(fields | labelled))
    theirs, report = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert load_file(folder / "model.safetensors")
    tokens, lengths = torch.randint(2, VOCABULARY, (3, 19)), torch.tensor([19, 7, 12])
    real = torch.arange(19) < lengths[:, None]
    tokens[~real] = 1
    with torch.inference_mode():
        ours = loaded(tokens, lengths)
        torch.testing.assert_close(ours, model(tokens, lengths), atol=0, rtol=0)
        expected = theirs.eval()(tokens, attention_mask=real.long()).logits
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["bert", "modernbert", "hf bert"])
def test_texts_in_shared_rows_get_the_labels_that_they_get_alone(name: str) -> None:
    model = small(name)
    first, second = torch.randint(2, VOCABULARY, (1, 9)), torch.randint(2, VOCABULARY, (1, 8))
    alone = torch.cat([model(first, torch.tensor([9])), model(second, torch.tensor([8]))])
    segments = torch.where(torch.arange(17) < 9, 0, 9)[None]
    rows, ends = torch.tensor([0, 0]), torch.tensor([9, 17])
    together = model(torch.cat([first, second], 1), ends, rows=rows, segments=segments)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    loss = model(first, torch.tensor([9]), torch.tensor([1]))
    loss.total.backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if name.startswith("score."))
