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
from train.exporting.head import rename
from train.finetuning.classifier import Classifier, load_classifier
from train.finetuning.extraction.span_finder import HEAD, SpanFinder
from train.finetuning.head import save_with_head
from train.finetuning.tagging.tagger import Tagger
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
    save_with_head(
        tmp_path, model.state_dict(), SECTIONS[name], VOCABULARY, labels=LABELS, pooling=model.pooling
    )
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


@pytest.mark.parametrize("name", ["bert", "hf bert", "hf roberta", "hf deberta-v2", "hf electra", "hf qwen2"])
@pytest.mark.parametrize("task", ["TokenClassification", "QuestionAnswering"])
def test_a_layer_on_each_token_is_exported_where_the_class_has_no_other(
    name: str, task: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    body = as_body(build_model(SECTIONS[name], VOCABULARY))
    tagging = task == "TokenClassification"
    model = (Tagger(body, LABELS) if tagging else SpanFinder(body)).eval()
    if tagging:
        save_with_head(tmp_path, model.state_dict(), SECTIONS[name], VOCABULARY, tags=LABELS)
    else:
        save_with_head(tmp_path, model.state_dict(), SECTIONS[name], VOCABULARY, head=HEAD)
    folder = tmp_path / "export"
    folder.mkdir()
    ids = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 1}
    of_family = family(SECTIONS[name])
    fields = of_family.export(body, tmp_path / "model/model.safetensors", folder, VOCABULARY, ids)
    assert fields is not None
    rename(folder / "model.safetensors", of_family.names_in(SECTIONS[name], f"AutoModelFor{task}"))
    (folder / "config.json").write_text(
        json.dumps(fields | {"architectures": [], "num_labels": 3 if tagging else 2})
    )
    auto_class = getattr(transformers, f"AutoModelFor{task}")
    theirs, report = auto_class.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokens, lengths = torch.randint(2, VOCABULARY, (2, 13)), torch.tensor([13, 13])
    with torch.inference_mode():
        found = theirs.eval()(tokens)
        expected = found.logits if tagging else torch.stack([found.start_logits, found.end_logits], -1)
        torch.testing.assert_close(model(tokens, lengths=lengths), expected, atol=2e-5, rtol=1e-4)


def test_an_architecture_with_further_layers_is_for_our_own_loader():
    for name in ("modernbert", "hf modernbert"):
        assert family(SECTIONS[name]).names_in(SECTIONS[name], "AutoModelForTokenClassification") is None


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
