"""The export stage: the trained model as a Hugging Face folder, checked against ours before it counts."""

import shutil
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from pipeline.config.stages import ExportStage
from pipeline.context import Context
from pipeline.formats.documents import read_texts
from pipeline.formats.tokenizers import load_tokenizer, save_tokenizer
from pipeline.store.artifacts import read_json, write_json
from pipeline.tracking.tracker import read_jsonl
from train.checkpoints.final_model import (
    DESCRIPTION,
    MODEL_FOLDER,
    TASK_FILE,
    TEST_FILE,
    WEIGHTS,
    described_model,
    load_model,
)
from train.exporting.model_card import write_model_card
from train.exporting.parity import TEXTS, Parity, check_parity, make_probe, our_logits, reload
from train.finetuning.classifier import Classifier, load_classifier
from train.generation.stops import Stops
from train.models import LanguageModel, family

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DTYPES = {"fp32": ("float32", torch.float32), "bf16": ("bfloat16", torch.bfloat16)}
MAX_NEW_TOKENS = 256
"""What `generate` writes at most, unless it is told otherwise."""


@dataclass(frozen=True)
class Trained:
    """What is exported."""

    artifact: Path
    model: LanguageModel | Classifier
    tokenizer: "PreTrainedTokenizerFast"
    task: dict[str, Any]
    """Of task.json; empty for a pretrained model."""

    @property
    def stops(self) -> Stops:
        ids = self.task.get("stop_token_ids", [self.tokenizer.eos_token_id])
        return Stops(ids, self.task.get("stop_strings", []))


@torch.no_grad()
def run(config: ExportStage, context: Context) -> dict[str, Any]:
    """Write `<folder>/model`: weights, config, generation config, tokenizer and model card.

    The fine-tuned model where there is one, else the pretrained one.

    Raises:
        UserError: where transformers, in a process without this project, reads another model than ours.
    """
    trained = _load(context)
    folder = context.folder / MODEL_FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # what a killed attempt left
    folder.mkdir(parents=True)
    save_tokenizer(trained.tokenizer, folder)
    fields = _write_weights(trained, folder)
    if fields is None:
        parity, extra = _export_for_own_loader(trained, context), {}
    else:
        parity, extra = _export(trained, fields, config, context, folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    metrics = {
        "max_logit_difference": parity.logit_difference,
        "parity_tokens": parity.tokens,
        "format": parity.loaded_class,
        "dtype": config.export.dtype,
        "megabytes": size / 1e6,
        **extra,
    }
    write_model_card(folder, config.export, context, trained.task, metrics)
    context.log.info(
        f"{folder.name}/ holds a {parity.loaded_class}; over {parity.tokens:,} tokens its logits differ from "
        f"ours by {parity.logit_difference:.1e} at most"
    )
    return metrics


def _write_weights(trained: Trained, folder: Path) -> dict[str, Any] | None:
    """Write them for a class of transformers. Returns the fields of its config.json; None where it has no class."""
    tokenizer, model = trained.tokenizer, trained.model
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    # A classifier finds a text's last token by its padding, so it needs to know one.
    ids["pad_token_id"] = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    body = model.backbone if isinstance(model, Classifier) else model
    section, vocab_size = described_model(trained.artifact)
    weights = trained.artifact / MODEL_FOLDER / WEIGHTS
    fields = family(section).export(body, weights, folder, vocab_size, ids)
    if fields is None or not isinstance(model, Classifier):
        return fields
    base = fields["architectures"][0].removesuffix("LMHeadModel").removesuffix("ForCausalLM")
    return fields | {
        "architectures": [f"{base}ForSequenceClassification"],
        "id2label": {str(number): label for number, label in enumerate(model.labels)},
        "label2id": {label: number for number, label in enumerate(model.labels)},
    }


def _load(context: Context) -> Trained:
    if "finetune" not in context.inputs:
        artifact = context.inputs["pretrain"]
        return Trained(artifact, load_model(artifact), load_tokenizer(context.inputs["tokenizer"]), {})
    artifact = context.inputs["finetune"]
    task = read_json(artifact / TASK_FILE, artifact, ("task",))
    load = load_classifier if task["task"] == "classify" else load_model
    return Trained(artifact, load(artifact), load_tokenizer(artifact), task)


def _texts(trained: Trained, context: Context) -> list[str]:
    """Real text to compare on: of the validation split, or a classifier's test examples."""
    if isinstance(trained.model, Classifier):
        return [row["text"] for row in read_jsonl(trained.artifact / TEST_FILE)[:TEXTS]]
    documents = context.inputs["clean"] / "documents"
    held_out = chain.from_iterable(
        read_texts(documents, split, TEXTS) for split in ("validation", "test", "train")
    )
    return list(islice(held_out, TEXTS))


def _export(
    trained: Trained, fields: dict[str, Any], config: ExportStage, context: Context, folder: Path
) -> tuple[Parity, dict[str, Any]]:
    """Configs and parity; fp32 first, since that is what parity is measured in."""
    probe = make_probe(trained.model, trained.tokenizer, _texts(trained, context))
    _write_configs(trained, fields, folder, "float32")
    parity = check_parity(
        folder, trained.model, trained.tokenizer, trained.stops, probe, config.export.tolerance
    )
    if config.export.dtype == "fp32":
        return parity, {}
    name, dtype = DTYPES[config.export.dtype]
    for path in folder.glob("*.safetensors"):
        save_file({n: t.to(dtype) for n, t in load_file(path).items()}, path, metadata={"format": "pt"})
    _write_configs(trained, fields, folder, name)
    _, logits = reload(folder, probe)
    difference = float((our_logits(trained.model, probe) - logits).abs().max())
    return parity, {f"{config.export.dtype}_logit_difference": difference}


def _write_configs(trained: Trained, fields: dict[str, Any], folder: Path, dtype: str) -> None:
    """config.json and generation_config.json."""
    write_json(folder / "config.json", fields | {"dtype": dtype})
    if isinstance(trained.model, Classifier):
        return
    generation = {name: fields[name] for name in ("bos_token_id", "pad_token_id")}
    generation["eos_token_id"] = trained.stops.ids
    generation["max_new_tokens"] = min(MAX_NEW_TOKENS, max(1, trained.model.context // 2))
    if trained.stops.texts:
        generation["stop_strings"] = trained.stops.texts
    write_json(folder / "generation_config.json", generation)


def _export_for_own_loader(trained: Trained, context: Context) -> Parity:
    """Of a model without a class in transformers: the weights and model.json that our own loader reads."""
    folder = context.folder / MODEL_FOLDER
    for name in (WEIGHTS, DESCRIPTION):
        shutil.copyfile(trained.artifact / MODEL_FOLDER / name, folder / name)
    section, _ = described_model(trained.artifact)
    context.log.warning(
        f"model.family={section.choice} has no class in transformers: the folder is for this project's own loader"
    )
    probe = make_probe(trained.model, trained.tokenizer, _texts(trained, context))
    difference = (
        (our_logits(load_model(context.folder), probe) - our_logits(trained.model, probe)).abs().max()
    )
    return Parity(float(difference), sum(map(len, probe.rows)), "lm-workflow")
