"""The model card: README.md of an exported folder, from what the stages' manifests say."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter

from pipeline.checkout import how_to_get
from pipeline.config.evaluation import ExportConfig
from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.context import Context
from pipeline.formats.ancestry import STATS, corpus_of, pretraining_of
from pipeline.formats.cut_examples import CUT, describe_cut
from pipeline.formats.documents import ends_in_words
from pipeline.formats.model_folder import FORMS_FILE
from pipeline.formats.training_artifact import INITIAL_FILE, weights_name
from pipeline.store.artifacts import MANIFEST, read_json
from pipeline.store.manifest import Manifest, StageMetrics, figure, words
from pipeline.templates import markdown_templates
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated
from train.exporting.card import Card
from train.exporting.licences import Licences, licence_of_corpus
from train.exporting.trained_model import TrainedModel

TEMPLATE = "model_card.md.jinja"
SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
"""A licence's identifier, such as CC-BY-SA-4.0."""
LANGUAGE_CODE = re.compile(r"(?!und$)[a-z]{2,3}")
"""Of ISO 639, as the hub knows languages; `und` is of text whose language is not known."""
NOTABLE_LANGUAGE = 0.05
"""Share of the documents from which on the header names a language: of fewer many are taken for it by mistake."""


class TrainingFacts(NamedTuple):
    """What the card says of a training."""

    title: str
    facts: dict[str, str]


def write_model_card(
    folder: Path, config: ExportConfig, context: Context, trained: TrainedModel, export: StageMetrics
) -> None:
    """Write README.md with the facts of data, training, evaluation and export.

    Args:
        trained: what was exported.
        export: the export stage's metrics.
    """
    base = _base(context)
    data = _read(context, "clean", STATS) if base is None else corpus_of(base.folder) if base.folder else None
    licences = Licences({"the whole": config.license} if config.license else _made_from(context, data))
    loadable = export["format"] != "lm-workflow"
    usage = trained.card.usage if loadable else trained.card.own_usage
    card = (
        markdown_templates(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            counted=counted,
            ends_in_words=ends_in_words,
            front_matter=_front_matter(licences.of_the_whole, _languages(data), trained.card, loadable),
            name=context.run.name,
            what=trained.card.what,
            licence=licences.words,
            usage=usage(".", trained.example(context)),
            notes=trained.card.notes,
            stop_strings=trained.stops.texts,
            model=_model(context, export, base),
            data=data,
            training=[
                *([_training(base.folder, "pretrain")] if base and base.folder else []),
                *(
                    _training(context.inputs[name], name)
                    for name in ("pretrain", "finetune")
                    if name in context.inputs
                ),
            ],
            results=_read(context, "evaluate", "results.json", list),
            lacks=_told(context, "lacks"),
            notes_on_figures=_told(context, "notes"),
            parity=_parity(export),
            forms=_forms(context),
        )
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


class Base(NamedTuple):
    """The weights that others have pretrained, or another run."""

    folder: Path | None
    """The artifact of that pretraining; None where it is not in a store."""


def _base(context: Context) -> Base | None:
    """Where the weights come from that this run has not pretrained; None where it has."""
    if "pretrain" not in context.inputs:
        config = _read(context, "finetune", MANIFEST)["config"]["finetune"]
        return Base(pretraining_of(config.get("init")))
    manifest = _read(context, "pretrain", MANIFEST)
    if manifest["metrics"].get("steps") != 0:
        return None
    return Base(pretraining_of((manifest["config"].get("pretrain") or {}).get("init")))


def _made_from(context: Context, data: dict[str, Any] | None) -> dict[str, str | None]:
    """What the model was made from, each with its licence, or None where that is not known.

    Args:
        data: the statistics of the text that it was pretrained on.
    """
    parts: dict[str, str | None] = {}
    pretrain, finetune = (_read(context, stage, MANIFEST) for stage in ("pretrain", "finetune"))
    if init := ((pretrain or {}).get("config", {}).get("pretrain") or {}).get("init"):
        before = pretraining_of(init)
        earlier = corpus_of(before) if before else None
        name = f"the weights that pretraining started from ({weights_name(init)})"
        parts[name] = licence_of_corpus(earlier) if earlier else None
    if data:
        parts["the text that it was pretrained on"] = licence_of_corpus(data)
    if finetune and finetune["metrics"].get("steps") != 0:
        files = enumerated(_example_files(finetune["config"]["finetune"]))
        parts[f"the examples that it was fine-tuned on ({files})"] = None
    return parts


def _example_files(finetune: dict[str, Any]) -> list[str]:
    """Names of the files of training examples, by a `finetune` section."""
    sections = [finetune["data"], *(part["data"] for part in finetune.get("parts", {}).values())]
    return [Path(name).name for section in sections for name in section["train"] or ()]


def _languages(data: dict[str, Any] | None) -> list[str]:
    """Codes of the languages that a notable share of the documents is in, the most frequent first."""
    counts: dict[str, int] = (data or {}).get("languages") or {}
    least = NOTABLE_LANGUAGE * sum(counts.values())
    found = [code for code, count in counts.items() if count >= least and LANGUAGE_CODE.fullmatch(code)]
    return sorted(found, key=counts.__getitem__, reverse=True)


def _front_matter(license: str | None, languages: list[str], card: Card, loadable: bool) -> str:
    """What the Hugging Face hub reads."""
    facts: dict[str, str | list[str]] = {}
    if loadable:
        facts["library_name"] = "transformers"
    facts["pipeline_tag"] = card.pipeline_tag
    if license is not None:
        facts["license"] = license.lower() if SPDX.fullmatch(license) else "other"
    if languages:
        facts["language"] = languages
    facts["tags"] = [card.tag]
    return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)


def _read(context: Context, stage: str, name: str, kind: type = dict) -> Any:
    """A JSON file of an input artifact, or None where the stage is left out."""
    if stage not in context.inputs:
        return None
    return read_json(context.inputs[stage] / name, context.inputs[stage], kind=kind)


def _told(context: Context, name: str) -> str:
    """What evaluate says in words: which figures it `lacks`, or its `notes` on them; empty where there is nothing."""
    evaluated = _read(context, "evaluate", MANIFEST) or {}
    return (evaluated.get("metrics") or {}).get(name, "")


def _model(context: Context, export: StageMetrics, base: Base | None) -> dict[str, str]:
    trained = _read(context, "finetune" if "finetune" in context.inputs else "pretrain", MANIFEST)
    facts = {"class": f"`{export['format']}`", "parameters": f"{trained['metrics']['parameters']:,}"}
    facts |= {"weights": f"{export['dtype']}, {export['megabytes']:,.1f} MB with the tokenizer"}
    if (sparsity := figure(export, "sparsity")) is not None:
        facts["zeros"] = f"{sparsity:.1%} of the weights of linear layers, which were pruned"
    facts |= {"taken from": words(export, "weights")}
    pretrained = _read(context, "pretrain", MANIFEST)
    if pretrained is None and base is not None and base.folder is not None:
        pretrained = read_json(base.folder / MANIFEST, base.folder)
    if pretrained:
        model = pretrained["config"]["model"]
        without_effect = TypeAdapter(ModelConfig).validate_python(model).without_effect
        sizes = {
            key: weights_name(value) if key == "path" else value
            for key, value in model.items()
            if key not in without_effect and value is not None and not isinstance(value, dict)
        }
        facts["settings"] = ", ".join(f"{key} {value}" for key, value in sizes.items())
    return facts


def _trained(lora: dict[str, Any] | None) -> str:
    """Which of the weights, by a `lora` section."""
    if lora is None:
        return "all weights"
    name = {"lora": "LoRA", "rslora": "rsLoRA", "dora": "DoRA"}[lora["variant"]]
    base = "" if lora["quantize"] == "none" else f" on weights rounded to {lora['quantize']}"
    return f"{name} of rank {lora['rank']}{base}"


def _training(artifact: Path, stage: str) -> TrainingFacts:
    manifest: Manifest = read_json(artifact / MANIFEST, artifact)
    title = {"pretrain": "Pretraining", "finetune": "Fine-tuning"}[stage]
    config = manifest["config"] if stage == "pretrain" else manifest["config"]["finetune"]
    facts: dict[str, str] = {}
    if stage == "finetune":
        facts["task"] = f"{config['task']}, {_trained(config['lora'])}"
        facts["base"] = weights_name(config["init"]) if config["init"] else "the pretrained model above"
        facts["data"] = ", ".join(_example_files(config))
    else:
        if (initial := artifact / INITIAL_FILE).is_file():
            facts["starts from"] = read_json(initial, artifact, ("name",))["name"]
        if lora := (config.get("pretrain") or {}).get("lora"):
            facts["what is trained"] = _trained(lora)
        facts["objective"] = TypeAdapter(ObjectiveConfig).validate_python(config["objective"]).summary()
    if manifest["metrics"].get("steps") == 0:
        facts.pop("objective", None)
        return TrainingFacts(f"{title}, left out", {**facts, "steps": "none: the weights are as they were"})
    optim, schedule, trainer = config["optim"], config["schedule"], config["trainer"]
    facts["optimizer"] = TypeAdapter(OptimizerConfig).validate_python(optim).summary()
    facts["schedule"] = f"{schedule['name']}, warm-up {schedule['warmup']:g}"
    facts["batch"] = f"{trainer['global_batch']} sequences per step, {trainer['precision']}"
    told_in_words = {"headline", *CUT}
    metrics = {name: value for name, value in manifest["metrics"].items() if name not in told_in_words}
    facts |= {
        name.replace("_", " "): _show(value) for name, value in metrics.items() if value not in (0, None)
    }
    if cut := describe_cut(manifest["metrics"]):
        facts["too long for the context"] = cut
    facts["time"] = f"{manifest['seconds']:,.0f} s on {counted(manifest['ranks'], 'rank')}"
    facts["seed"] = str(manifest["config"]["seed"])
    facts["versions"] = ", ".join(
        f"{name} {version}" for name, version in manifest["packages"].items() if version
    )
    if get := how_to_get(manifest["git_commit"], manifest.get("git_remote")):
        facts["code"] = f"`{get}`"
    else:
        facts["code"] = f"commit {manifest['git_commit']}" if manifest["git_commit"] else "no git checkout"
    facts["fingerprint"] = f"`{manifest['fingerprint']}`"
    return TrainingFacts(title, facts)


def _show(value: Any) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _forms(context: Context) -> dict[str, Any] | None:
    """What the further forms are worth, where there are some."""
    path = context.folder / FORMS_FILE
    return read_json(path, context.folder) if path.is_file() else None


def _parity(export: StageMetrics) -> str:
    difference, tokens = export["max_logit_difference"], export["parity_tokens"]
    if export["format"] == "lm-workflow":
        return (
            f"Reloaded by the project's loader: logits equal up to {difference:.1e} over {tokens:,} tokens."
        )
    text = (
        f"Reloaded with transformers alone, in fp32: over {tokens:,} tokens of held-out text the logits "
        f"differ from those of the model as trained by {difference:.1e} at most; the token ids are the same."
    )
    if (cast := export.get("bf16_logit_difference")) is not None:
        text += f" The bf16 weights in this folder differ by {cast:.1e}."
    return text
