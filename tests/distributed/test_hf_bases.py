"""Fine-tuning of the models that people bring, under strategies that shard them: two ranks train what one process does.

Each of them under each of ddp, fsdp, zero2 and zero3 takes minutes; here every strategy has some, and every model one.
"""

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.command_line import run_pipeline
from tests.e2e.test_masked import small_tokenizer
from tests.train.test_masked_hf import FIELDS

pytestmark = pytest.mark.distributed
DECODER = FIELDS["bert"] | {"num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3}
ENDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 2}
T5 = {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0}
BART = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
BART |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "dropout": 0.0}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
MODELS = {
    "bert": FIELDS["bert"] | NO_DROPOUT,
    "roberta": FIELDS["roberta"] | NO_DROPOUT | {"pad_token_id": 0},
    "deberta-v2": FIELDS["deberta-v2"] | NO_DROPOUT | {"pad_token_id": 0},
    "qwen2": DECODER,
    "t5": T5 | ENDS,
    "bart": BART | ENDS,
}
CLASSES = {
    "qwen2": transformers.AutoModelForCausalLM,
    "t5": transformers.AutoModelForSeq2SeqLM,
    "bart": transformers.AutoModelForSeq2SeqLM,
}


def save_model(folder: Path, name: str) -> Path:
    """As people bring one: the class's own folder, with random weights and a tokenizer."""
    torch.manual_seed(0)
    tokenizer = small_tokenizer()
    tokenizer.eos_token = "[SEP]"
    fields = MODELS[name] | {"vocab_size": len(tokenizer), "max_position_embeddings": 66}
    settings = transformers.AutoConfig.for_model(name, **fields)
    CLASSES.get(name, transformers.AutoModelForMaskedLM).from_config(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "strategies"),
    [
        ("bert", ["fsdp"]),
        ("roberta", ["zero3"]),
        ("deberta-v2", ["fsdp", "zero3"]),
        ("qwen2", ["zero2"]),
        ("t5", ["ddp"]),
        ("bart", ["zero3"]),
    ],
)
def test_two_ranks_train_what_one_process_does(name: str, strategies: list[str], tmp_path: Path) -> None:
    model, data = save_model(tmp_path / "model", name), tmp_path / "data.jsonl"
    rows = [
        {"prompt": f"it was {('good', 'bad')[n % 2]} {n}", "response": ("yes .", "no !")[n % 2]}
        for n in range(60)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [
        "stage=finetune",
        f"finetune={'seq2seq' if name in ('t5', 'bart') else 'classify'}",
        f"finetune.init={model}",
        f"finetune.data.train={data}",
        "finetune.data.prompt_field=prompt",
        "finetune.data.response_field=response",
        "finetune.max_length=32",
        "finetune.optim.lr=1e-3",
        "finetune.trainer.epochs=null",
        "finetune.trainer.steps=3",
        "finetune.trainer.global_batch=4",
        "finetune.trainer.log_every=1",
        "finetune.trainer.threads=1",
        "finetune.trainer.sample_every=0",
    ]
    base = ["experiment=own", "run.name=mine", "tracking=none", "run.progress=false"]
    for strategy in ("single", *strategies):
        spread = ["finetune.trainer.devices=2", f"strategy={strategy}"] if strategy in strategies else []
        result = run_pipeline(tmp_path / strategy, *words, *spread, base=base)
        assert result.returncode == 0, result.stdout + result.stderr
        same(tmp_path / "single", tmp_path / strategy)


def same(expected: Path, found: Path) -> None:
    """The same losses and weights, up to the order of fp32 sums."""
    runs = [folder / "runs/mine/finetune" for folder in (expected, found)]
    losses, others = ([row["train/loss"] for row in read_metrics(run) if "train/loss" in row] for run in runs)
    assert len(losses) == 3
    assert others == pytest.approx(losses, rel=2e-3, abs=2e-4)
    weights, theirs = (load_file(run / "model/model.safetensors") for run in runs)
    assert weights.keys() == theirs.keys()
    for key in weights:
        torch.testing.assert_close(weights[key], theirs[key], atol=5e-4, rtol=2e-3)
