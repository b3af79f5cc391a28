"""The task relate, from its rows to scores and an export that transformers reads."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from eval.results import Bootstrap
from eval.tasks.relations import relation_results
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.tasks.relate import RelateDataConfig
from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.tokenizers import load_tokenizer
from tests.train.head_tasks import all_stages, card_says, save_base, stage
from train.finetuning.base_model import BaseModel
from train.finetuning.relations.loading import load_related
from train.finetuning.relations.marked_classifier import MarkedClassifier
from train.finetuning.relations.markers import HEAD, MARKERS, encode_marked, marked, with_markers
from train.finetuning.relations.rows import Relation, read_relations
from train.models import as_body, build_model


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path, *rows: dict) -> list[Relation]:
    return list(read_relations(write(path, [*rows]), RelateDataConfig(train=str(path)), Counter()))


def test_rows_in_three_forms(tmp_path):
    expected = Relation("Ada in London", ("lived_in",), (0, 3), (7, 13))
    words = ["Ada", "in", "London"]
    plain = {"text": "Ada in London", "head": {"start": 0, "end": 3}, "tail": [7, 13], "relation": "lived_in"}
    tacred = {
        "token": words,
        "subj_start": 0,
        "subj_end": 0,
        "obj_start": 2,
        "obj_end": 2,
        "relation": "lived_in",
    }
    semeval = {"sentence": "<e1>Ada</e1> in <e2>London</e2>", "label": "lived_in"}
    for row in (
        plain,
        tacred,
        semeval,
        {"tokens": words, "head": [0, 1], "tail": [2, 3], "relation": "lived_in"},
    ):
        assert read(tmp_path / "a.jsonl", row) == [expected]
    for change, message in (
        ({"tail": [2, 5]}, "overlap"),
        ({"tail": [7, 99]}, "no part of a text of 13 characters"),
        ({"tail": "London"}, "must be a span"),
        ({"relation": [1]}, "must be a label"),
    ):
        with pytest.raises(UserError, match=message):
            read(tmp_path / "b.jsonl", plain | change)
    with pytest.raises(UserError, match="has no <e2>"):
        read(tmp_path / "b.jsonl", {"sentence": "<e1>Ada</e1> in", "label": "x"})


def test_markers_are_new_tokens_with_rows_of_what_spells_them(plain_tokenizer):
    config = DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=32)
    torch.manual_seed(0)
    old, size = build_model(config, len(plain_tokenizer)), len(plain_tokenizer)
    base = with_markers(BaseModel("a model", config, size, plain_tokenizer, lambda: old))
    assert base.vocab_size == len(base.tokenizer) == size + len(MARKERS)
    assert len(plain_tokenizer) == size  # that of the base is left as it is
    model = base.load()
    rows, before = model.body.embedding.weight, old.body.embedding.weight
    pieces = plain_tokenizer("[E1]", add_special_tokens=False).input_ids
    torch.testing.assert_close(rows[:size], before)
    torch.testing.assert_close(rows[base.tokenizer.convert_tokens_to_ids("[E1]")], before[pieces].mean(0))
    assert with_markers(base) is base


def test_marked_texts_are_what_the_tokenizer_makes_of_them(chat_tokenizer):
    config = DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=32)
    base = BaseModel("m", config, len(chat_tokenizer), chat_tokenizer, lambda: build_model(config, 9))
    tokenizer = with_markers(base).tokenizer
    relation = Relation("the dog sees <|end|> the fox", ("x",), (4, 7), (25, 28))
    (ids,) = encode_marked([relation], tokenizer, 100).input_ids
    assert tokenizer.decode(ids) == marked(relation.source, relation.head, relation.tail)
    assert tokenizer.convert_tokens_to_ids("<|end|>") not in ids  # a text cannot write it
    assert ControlTokens.of(tokenizer).encode_texts(["[E1]"])[0] != [tokenizer.convert_tokens_to_ids("[E1]")]
    long = Relation("so " * 90 + "dog sees fox" + " so" * 90, ("x",), (270, 273), (279, 282))
    encoded = encode_marked([long], tokenizer, 32)
    assert encoded.cut == 1
    assert len(encoded.input_ids[0]) == 32
    assert set(tokenizer.convert_tokens_to_ids(list(MARKERS))) <= set(encoded.input_ids[0].tolist())


def test_scores_without_no_relation():
    predicted = ["a", "none", "b", "a", "none"]
    expected = ["a", "a", "none", "b", "none"]
    results = relation_results(predicted, expected, "none", Bootstrap(0, 0.95, 0))
    found = {result.name: result.value for result in results}
    # Of three that are told one is right, and of three that there are one is told.
    assert found["relation_precision"] == pytest.approx(100 / 3)
    assert found["relation_recall"] == pytest.approx(100 / 3)
    assert found["relation_f1"] == pytest.approx(100 / 3)
    assert found["accuracy"] == 40


@pytest.mark.parametrize(("layout", "batching"), [("bert", "padded"), ("llama", "packed")])
def test_relations_are_told_from_both_markers(
    layout, batching, chat_tokenizer, tmp_path, make_context
) -> None:
    """Which of two animals is the head, the markers alone tell."""
    path = write(tmp_path / "a.jsonl", jumps(200))
    config = stage("relate", path, 80, 16, batching=batching, pooling="markers")
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer, layout), tmp_path, make_context)
    assert tuned.figures["relation_f1"] > 90
    assert tuned.format == "lm-workflow"
    model, tokenizer = load_related(tuned.folder.parent), load_tokenizer(tuned.artifact)
    assert isinstance(model, MarkedClassifier)
    reads = HEAD[1] if layout == "llama" else HEAD[0]  # what has seen the part, where the rest is not seen
    assert tokenizer.convert_ids_to_tokens(model.marks[0]) == reads
    said = (tuned.folder / "README.md").read_text()
    assert "load_related" in said


def test_the_states_are_those_of_each_texts_own_markers() -> None:
    """Of texts that share a row, and of a text without a marker, the first token stands for it."""
    config = EncoderConfig(layout="bert", layers=1, hidden=16, heads=2, context=16)
    torch.manual_seed(0)
    model = MarkedClassifier(as_body(build_model(config, 20)), ["a", "b"], marks=[8, 9]).eval()
    one, two, none = [1, 8, 2, 9, 3], [9, 4, 4, 8], [5, 6]
    alone = [model(torch.tensor([row]), torch.tensor([len(row)])) for row in (one, two, none)]
    packed = torch.tensor([[*one, *two], [*none, *[0] * 7]])
    segments = torch.tensor([[0] * 5 + [5] * 4, [0] * 2 + [2] * 7])
    shared = model(packed, torch.tensor([5, 9, 2]), rows=torch.tensor([0, 0, 1]), segments=segments)
    torch.testing.assert_close(shared, torch.cat(alone), atol=1e-5, rtol=1e-4)
    hidden = model.backbone.hidden(torch.tensor([none]), lengths=torch.tensor([2]))
    torch.testing.assert_close(alone[2], model.score(torch.cat([hidden[:, 0], hidden[:, 0]], -1)))


def jumps(count: int) -> list[dict]:
    draw, rows = random.Random(0), []
    for number in range(count):
        text = f"{number} the dog jumps over the fox"
        spans = [(text.index("dog"), text.index("dog") + 3), (text.index("fox"), text.index("fox") + 3)]
        order = draw.random() < 0.5
        head, tail = spans if order else spans[::-1]
        rows.append({"text": text, "head": head, "tail": tail, "relation": ["no_relation", "over"][order]})
    return rows


def test_relations_are_learnt_scored_and_exported(chat_tokenizer, tmp_path, make_context):
    """Which of two animals comes first in the relation, the markers alone tell."""
    config = stage("relate", write(tmp_path / "a.jsonl", jumps(200)), 80, 16, batching="packed")
    tuned = all_stages(config, save_base(tmp_path, chat_tokenizer), tmp_path, make_context)
    assert tuned.figures["relation_f1"] > 90
    assert "[E1]" in tuned.page
    assert tuned.format == "LlamaForSequenceClassification"
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned.folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tuned.folder).eval()
    found = []
    for text in (
        "the [E1]dog[/E1] jumps over the [E2]fox[/E2]",
        "the [E2]dog[/E2] jumps over the [E1]fox[/E1]",
    ):
        with torch.inference_mode():
            found.append(model(**tokenizer(f"3 {text}", return_tensors="pt")).logits.argmax().item())
    assert [model.config.id2label[place] for place in found] == ["over", "no_relation"]
    assert np.unique(found).size == 2
    assert card_says(tuned.folder)[0].startswith("[{'label': ")
