"""Encoder–decoders of transformers behind our interface: T5, BART and mBART with small random weights."""

import json

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from pipeline.config.lora import LoRAConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.stages import ExportStage, FinetuneStage
from pipeline.errors import UserError
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from tests.train.head_tasks import card_says
from tests.train.test_export import write_manifest
from train.export import run as export
from train.finetune import run as finetune
from train.models import IGNORE_INDEX, build_model

VOCAB, CONTEXT = 90, 24
SMALL = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
}
BART = {
    **SMALL,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "pad_token_id": 1,
    "eos_token_id": 2,
}
BART |= {"bos_token_id": 0, "decoder_start_token_id": 2, "forced_eos_token_id": None}
CONFIGS = {
    "t5": {"model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    | {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
    "bart": {"model_type": "bart", **BART},
    "mbart": {"model_type": "mbart", **BART},
}


@pytest.fixture(params=CONFIGS)
def model(request):
    torch.manual_seed(3)
    section = HuggingFaceConfig(config=CONFIGS[request.param], context=CONTEXT)
    assert section.reading == "encoder_decoder"
    model = build_model(section, VOCAB)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model.eval()


def rows() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids, labels = torch.randint(3, VOCAB, (3, 15)), torch.randint(3, VOCAB, (3, 9))
    labels[:, -1] = labels[1, 4] = 2  # mBART's own shift starts with what a target ends with
    labels[1, 5:] = IGNORE_INDEX
    return ids, torch.tensor([15, 7, 3]), labels


def test_loss_is_that_of_the_class(model):
    ids, lengths, labels = rows()
    mask = (torch.arange(15) < lengths[:, None]).long()
    with torch.no_grad():
        expected = model.model(input_ids=ids, attention_mask=mask, labels=labels).loss
        total, tokens, *_ = model(ids, labels, lengths)
    assert tokens == 23
    assert (total / tokens).item() == pytest.approx(expected.item(), rel=1e-5)


def test_writes_what_the_class_writes_and_goes_on_with_texts_of_any_length(model):
    prompts = [torch.randint(3, VOCAB, (size,)).tolist() for size in (15, 4, 9)]
    with torch.no_grad():
        begun = model.begin(prompts, [[], [], []], 8)
        logits, written = begun.logits, []
        for _ in range(8):
            written.append(logits.argmax(-1))
            logits = model.next_logits(written[-1][:, None], begun.state)
        texts = torch.stack(written, 1).tolist()
        for prompt, text in zip(prompts, texts, strict=True):
            ids = torch.tensor([prompt])
            options = {"do_sample": False, "max_new_tokens": 8, "eos_token_id": None}
            expected = model.model.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, 1:]
            assert text == expected.tolist()
        parts = [text[:size] for text, size in zip(texts, (0, 3, 6), strict=True)]
        again = model.begin(prompts, parts, 2)
        assert again.logits.argmax(-1).tolist() == [
            text[len(part)] for text, part in zip(texts, parts, strict=True)
        ]
        again.state.reorder(torch.tensor([2, 0]))
        follow = torch.tensor([[texts[2][6]], [texts[0][0]]])
        assert model.next_logits(follow, again.state).argmax(-1).tolist() == [texts[2][7], texts[0][1]]


def test_learns_and_recomputes(model):
    model.train()
    with pytest.raises(UserError, match="all of their blocks or none"):
        model.gradient_checkpointing = 2
    model.gradient_checkpointing = True
    assert len(model.blocks) == 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids, lengths, labels = rows()
    losses = []
    for _ in range(20):
        total, tokens, *_ = model(ids, labels, lengths)
        (total / tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append((total / tokens).item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize(("lora", "batching"), [(None, "padded"), ({"rank": 4}, "by_length")])
def test_a_folder_is_tuned_and_exported(kind, lora, batching, plain_tokenizer, tmp_path, make_context):
    """`finetune.init` names a folder of the class; what is exported is read by transformers alone."""
    base = tmp_path / "base"
    fields = {**CONFIGS[kind], "max_position_embeddings": CONTEXT, "vocab_size": len(plain_tokenizer)}
    settings = AutoConfig.for_model(**fields)
    settings.architectures = None
    AutoModelForSeq2SeqLM.from_config(settings).save_pretrained(base)
    save_tokenizer(plain_tokenizer, base)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(
        "".join(json.dumps({"source": f"{n} dogs", "target": f"{n} foxes"}) + "\n" for n in range(40))
    )
    trainer = {"steps": 3, "global_batch": 4, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
    tuned = {
        "task": "seq2seq",
        "init": str(base),
        "lora": lora,
        "batching": batching,
        "data": {"train": str(pairs)},
        "trainer": trainer,
    }
    context = make_context(tmp_path / "tuned")
    metrics = finetune(FinetuneStage(seed=1, strategy={"name": "single"}, finetune=tuned), context)
    assert metrics["train_loss"] > 0
    adapters = None if lora is None else LoRAConfig(**lora).model_dump()
    write_manifest(context.folder, finetune={**tuned, "lora": adapters, "data": {"train": [str(pairs)]}})
    evaluated = tmp_path / "evaluate"
    evaluated.mkdir()
    write_json(evaluated / "manifest.json", {"metrics": {}})
    write_json(evaluated / "results.json", [])
    out = make_context(tmp_path / "export", finetune=context.folder, evaluate=evaluated)
    found = export(ExportStage(export={}), out)
    assert found["max_logit_difference"] < 1e-4
    loaded = AutoModelForSeq2SeqLM.from_pretrained(out.folder / "model")
    assert type(loaded).__name__ == found["format"]
    assert card_says(out.folder / "model") == card_says(out.folder / "model"), "its code runs, and is seeded"


def test_one_that_only_reads_is_refused():
    section = HuggingFaceConfig(config={"model_type": "bert"}, context=CONTEXT, reads="encoder_decoder")
    with pytest.raises(UserError, match="AutoModelForSeq2SeqLM"):
        build_model(section, VOCAB)
