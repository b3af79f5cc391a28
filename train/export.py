"""The export stage: the trained model as a Hugging Face folder, checked against ours before it counts."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pipeline.config.stages import ExportStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.model_folder import DESCRIPTION, FORMS_FILE, MODEL_FOLDER
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.stages import LAST_STEP
from pipeline.store.artifacts import read_json, write_json
from pipeline.store.manifest import StageMetrics
from train.checkpoints.final_model import WEIGHTS, described_model
from train.exporting.model_card import write_model_card
from train.exporting.parity import TEXTS, Parity, Probe, check_parity, make_probe, our_logits, reload
from train.exporting.shipping import make_reference, ship
from train.exporting.sparsity import exported_sparsity
from train.exporting.trained_model import TrainedModel
from train.finetuning.artifact import read_task
from train.models import Body, ConfigFields, family
from train.objectives import pretrained_objective
from train.weights.choice import Choice, read_choice
from train.weights.exported import with_weights

DTYPES = {"fp32": ("float32", torch.float32), "bf16": ("bfloat16", torch.bfloat16)}


@torch.no_grad()
def run(config: ExportStage, context: Context) -> StageMetrics:
    """Write `<folder>/model`: weights, config, generation config, tokenizer and model card.

    The fine-tuned model where there is one, else the pretrained one.

    Raises:
        UserError: where transformers, in a process without this project, reads another model than ours.
    """
    choice = read_choice(context.inputs["evaluate"]) if config.export.chooses else None
    if choice is not None:
        context = with_weights(context, choice)
    trained = _load(context)
    folder = context.folder / MODEL_FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # what a killed attempt left
    (context.folder / FORMS_FILE).unlink(missing_ok=True)
    folder.mkdir(parents=True)
    body = trained.body
    save_tokenizer(trained.tokenizer, folder, token_types=isinstance(body, Body) and body.reads_token_types)
    fields = _write_weights(trained, folder)
    extra: dict[str, float] = {}
    if fields is None:
        parity = _export_for_own_loader(trained, context)
    else:
        parity, extra = _export(trained, fields, config, context, folder)
    if (
        "finetune" not in context.inputs
        and (sparsity := exported_sparsity(folder, trained.artifact)) is not None
    ):
        extra |= {"sparsity": sparsity}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    metrics = {
        "max_logit_difference": parity.logit_difference,
        "parity_tokens": parity.tokens,
        "format": parity.loaded_class,
        "dtype": config.export.dtype,
        "weights": LAST_STEP if choice is None else choice.words,
        "megabytes": size / 1e6,
        **extra,
    }
    write_model_card(folder, config.export, context, trained, metrics)
    _log(metrics, context)
    context.log.info(
        f"{folder.name}/ holds a {parity.loaded_class}; over {parity.tokens:,} tokens its logits differ from "
        f"ours by {parity.logit_difference:.1e} at most"
    )
    return metrics


def _log(metrics: Mapping[str, float | str], context: Context) -> None:
    """The folder's figures, and behind them those of each form that was written beside it."""
    context.tracker.log(
        {f"export/{name}": value for name, value in metrics.items() if isinstance(value, (int, float))},
        step=0,
    )
    forms = context.folder / FORMS_FILE
    rows = read_json(forms, context.folder)["forms"] if forms.is_file() else []
    for number, row in enumerate(rows):
        figures = {name: value for name, value in row.items() if isinstance(value, (int, float))}
        context.tracker.log({f"form/{name}": value for name, value in figures.items()}, step=number)
    if rows:
        columns = list(rows[0])
        context.tracker.table("forms", columns, [[row[name] for name in columns] for row in rows])


def write_checkpoint(context: Context, step: int, folder: Path) -> None:
    """Write a training checkpoint for a class of transformers, in fp32: weights, configs and tokenizer. It is not
    compared with ours: the run's export was, whose names and shapes are the same.

    Args:
        context: with the inputs of an export, and a folder for what is needed on the way.

    Raises:
        UserError: where the checkpoint is gone or damaged; where transformers has no class for the model.
    """
    words = f"training step {step:,}"
    trained = _load(with_weights(context, Choice(words, words, {step: 1.0})))
    folder.mkdir(parents=True)
    body = trained.body
    save_tokenizer(trained.tokenizer, folder, token_types=isinstance(body, Body) and body.reads_token_types)
    fields = _write_weights(trained, folder)
    if fields is None:
        raise UserError("transformers has no class for this model, so its checkpoints cannot be published")
    _write_configs(trained, fields, folder, "float32")


def _load(context: Context) -> TrainedModel:
    """The fine-tuned model as its task has it, or the pretrained one as its objective has it."""
    if "finetune" in context.inputs:
        task, facts = read_task(context.inputs["finetune"])
        return task.trained_model(context.inputs["finetune"], facts)
    artifact = context.inputs["pretrain"]
    return pretrained_objective(artifact, context.inputs["tokenizer"]).trained_model(artifact)


def _write_weights(trained: TrainedModel, folder: Path) -> ConfigFields | None:
    """Write them for a class of transformers. Returns the fields of its config.json; None where it has no class."""
    tokenizer = trained.tokenizer
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    # A classifier finds a text's last token by its padding, so it needs to know one.
    ids["pad_token_id"] = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    section, vocab_size = described_model(trained.artifact)
    weights = trained.artifact / MODEL_FOLDER / WEIGHTS
    fields = family(section).export(trained.body, weights, folder, vocab_size, ids)
    if fields is None:
        return None
    trained.finish_weights(folder / WEIGHTS)
    return trained.config_fields(fields)


def _export(
    trained: TrainedModel, fields: ConfigFields, config: ExportStage, context: Context, folder: Path
) -> tuple[Parity, dict[str, float]]:
    """Configs and parity; fp32 first, since that is what parity is measured in."""
    probe = make_probe(trained, trained.texts(context, TEXTS))
    _write_configs(trained, fields, folder, "float32")
    parity = check_parity(folder, trained, probe, config.export.tolerance)
    if config.export.formats:
        _ship(trained, probe, config, context, folder)
    if config.export.dtype == "fp32":
        return parity, {}
    name, dtype = DTYPES[config.export.dtype]
    for path in folder.glob("*.safetensors"):
        save_file({n: t.to(dtype) for n, t in load_file(path).items()}, path, metadata={"format": "pt"})
    _write_configs(trained, fields, folder, name)
    _, logits = reload(folder, probe)
    difference = float((our_logits(trained, probe) - logits).abs().max())
    return parity, {f"{config.export.dtype}_logit_difference": difference}


def _ship(trained: TrainedModel, probe: Probe, config: ExportStage, context: Context, folder: Path) -> None:
    """The further forms, made of the folder as it is in fp32."""
    room = trained.model.room_after(len(probe.prompt))
    reference = make_reference(
        trained.tokenizer, probe.rows, our_logits(trained, probe), probe.texts, probe.prompt, room
    )
    ship(folder, config.export, reference, context.log)


def _write_configs(trained: TrainedModel, fields: ConfigFields, folder: Path, dtype: str) -> None:
    """config.json and generation_config.json."""
    write_json(folder / "config.json", fields | {"dtype": dtype})
    if trained.writes:
        write_json(folder / "generation_config.json", trained.generation_fields(fields))


def _export_for_own_loader(trained: TrainedModel, context: Context) -> Parity:
    """Of a model without a class in transformers: the weights and model.json that our own loader reads."""
    folder = context.folder / MODEL_FOLDER
    for name in (WEIGHTS, DESCRIPTION):
        shutil.copyfile(trained.artifact / MODEL_FOLDER / name, folder / name)
    section, _ = described_model(trained.artifact)
    what = trained.unknown_to_transformers or f"model.family={section.choice}"
    context.log.warning(f"{what} has no class in transformers: the folder is for this project's own loader")
    probe = make_probe(trained, trained.texts(context, TEXTS))
    reloaded = our_logits(trained, probe, trained.reload(context.folder))
    difference = (reloaded - our_logits(trained, probe)).abs().max()
    return Parity(float(difference), sum(map(len, probe.rows)), "lm-workflow")
