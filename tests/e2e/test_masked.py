"""`mlm_sample` and `bert_classify` in a small form: an encoder from text to labels, and a folder of BERT's."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tests.command_line import copy_data_stages, kill_after_a_checkpoint, tiny_words

pytestmark = pytest.mark.e2e

SMALL = [
    *tiny_words("tracking=", "run.", "model.", "trainer."),
    "tokenizer.vocab_size=800",
    "trainer.sample_every=6",
    "finetune.data.max_examples=200",
    "finetune.trainer.epochs=null",
    "finetune.trainer.steps=6",
    "finetune.trainer.threads=1",
    "evaluate.max_examples=40",
    "evaluate.bootstrap=50",
    "evaluate.perplexity.pseudo_windows=2",
]


@pytest.fixture
def data(shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small copy of the real data, to which the experiments are pointed."""
    folder = tmp_path / "data"
    (folder / "wikitext-2").mkdir(parents=True)
    for name, size in (("train", 400_000), ("valid", 100_000), ("test", 100_000)):
        text = shared_data(f"wikitext-2/wiki.{name}.tokens").read_text(encoding="utf-8")
        (folder / f"wikitext-2/wiki.{name}.tokens").write_text(text[:size], encoding="utf-8")
    (folder / "sentence-polarity").symlink_to(shared_data("sentence-polarity"))
    monkeypatch.setenv("LM_DATA", str(folder))
    return folder


def results(folder: Path) -> dict[str, float]:
    return {row["name"]: row["value"] for row in json.loads((folder / "evaluate/results.json").read_text())}


def test_mlm_sample(pipeline: Callable, tmp_path: Path, data: Path) -> None:
    words = ["stage=report", *SMALL]
    ended = pipeline(tmp_path, *words, base=["experiment=mlm_sample"])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = tmp_path / "runs/mlm_sample"
    found = results(run)
    assert {"masked_loss", "masked_accuracy", "accuracy", "f1"} <= found.keys()
    # Of a model that has learned next to nothing, it is near the size of the vocabulary.
    assert 50 < found["pseudo_perplexity"] < 2000
    sampled = [json.loads(line) for line in (run / "evaluate/samples.jsonl").read_text().splitlines()]
    assert len(sampled) == 2
    assert all("%" in row["continuation"] for row in sampled)
    folder = run / "export/model"
    assert json.loads((folder / "config.json").read_text())["architectures"] == [
        "BertForSequenceClassification"
    ]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pair = tokenizer("The Café .", "Not this one")
    assert tokenizer.convert_ids_to_tokens(pair.input_ids)[0] == "[CLS]"
    assert pair.input_ids.count(tokenizer.sep_token_id) == 2
    assert pair.token_type_ids[-1] == 1
    assert "cafe" in tokenizer.decode(pair.input_ids).replace(" ", "")
    ended = pipeline(tmp_path, *words, "finetune=none", base=["experiment=mlm_sample"])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    fill = transformers.pipeline("fill-mask", str(folder))
    assert len(fill("the [MASK] of the city .")) == 5
    assert "fill-mask" in (folder / "README.md").read_text()


def test_sentence_pairs_end_bitwise_the_same_after_a_kill(
    pipeline: Callable, tmp_path: Path, data: Path
) -> None:
    """Pairs and masks of the steps after a checkpoint are those of a training that was not killed."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    base = ["experiment=mlm_sample", *(word for word in SMALL if not word.startswith("finetune."))]
    words = [
        "finetune=none",
        "objective.pairs=next_sentence",
        "model.pair_head=true",
        "model.dropout=0.1",
        "trainer.steps=60",
        "trainer.validate_every=30",
        "trainer.checkpoint_every=6",
        "trainer.sample_every=0",
        "trainer.deterministic=true",
    ]
    done = pipeline(whole, "stage=pretrain", *words, base=base)
    assert done.returncode == 0, done.stdout + done.stderr
    copy_data_stages(whole, killed)
    kill_after_a_checkpoint(killed, *words, base=base)
    resumed = pipeline(killed, "stage=pretrain", *words, base=base)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "continuing from step" in resumed.stdout
    expected, found = (
        load_file(folder / "runs/mlm_sample/pretrain/model/model.safetensors") for folder in (whole, killed)
    )
    assert expected.keys() == found.keys()
    assert any("seq_relationship" in name for name in expected), "the head that tells the pairs"
    assert all((expected[name] == found[name]).all() for name in expected)


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_bert_classify(
    pipeline: Callable, tmp_path: Path, data: Path, model_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of our own encoder where that computes the folder's model, else of transformers'."""
    folder = tmp_path / "bert"
    torch.manual_seed(0)
    tokenizer = small_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    settings = transformers.AutoConfig.for_model(
        model_type, vocab_size=len(tokenizer), max_position_embeddings=66, pad_token_id=0, **sizes
    )
    transformers.AutoModelForMaskedLM.from_config(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    monkeypatch.setenv("BERT", str(folder))
    words = [word for word in SMALL if word.startswith(("tracking=", "run.", "finetune.", "evaluate."))]
    words += ["finetune.max_length=64", "finetune.trainer.checkpoint_every=2", "export.step=4"]
    ended = pipeline(tmp_path, "stage=report", *words, base=["experiment=bert_classify"])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = tmp_path / "runs/bert_classify"
    assert 20 < results(run)["accuracy"] <= 100
    scored = json.loads((run / "evaluate/results.json").read_text())
    by_model = Counter((row["model"], row["name"]) for row in scored)
    assert {model for model, _ in by_model} == {"finetune", "most_frequent_label", "step 4"}
    assert set(by_model.values()) == {1}
    exported = json.loads((run / "export/model/config.json").read_text())
    name = {"bert": "BertForSequenceClassification", "roberta": "RobertaForSequenceClassification"}[
        model_type
    ]
    assert exported["architectures"] == [name]


def small_tokenizer() -> transformers.PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,'-!?;:()"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    backend = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def test_a_masked_model_of_transformers_is_pretrained_and_exported(
    pipeline: Callable, tmp_path: Path, data: Path
) -> None:
    sizes = "hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2"
    words = [word for word in SMALL if not word.startswith(("model.", "finetune."))]
    model = [
        "model=hf",
        "model.context=64",
        "model.config={model_type: deberta-v2, relative_attention: true, pos_att_type: [p2c, c2p], "
        + sizes
        + "}",
    ]
    ended = pipeline(
        tmp_path, "stage=report", *words, *model, "finetune=none", base=["experiment=mlm_sample"]
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = tmp_path / "runs/mlm_sample"
    assert {"masked_loss", "masked_accuracy"} <= results(run).keys()
    exported = json.loads((run / "export/model/config.json").read_text())
    assert exported["architectures"] == ["DebertaV2ForMaskedLM"]
