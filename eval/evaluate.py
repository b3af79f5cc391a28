"""The evaluate stage: what the models make of held-out text and of the task's test examples."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from eval.language_model.measure import Text, check_tokenizer, model_results
from eval.objectives import PretrainedModel, evaluate_objective
from eval.results import Bootstrap, Result, write_results
from eval.tasks import TunedModel, evaluate_task
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.stages import EvaluateStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer, tokenizer_hash
from train.checkpoints.final_model import load_model
from train.finetuning.artifact import read_task
from train.objectives import Objective, build_objective, pretrained_objective

RESULTS, PREDICTIONS, SAMPLES = "results.json", "predictions.jsonl", "samples.jsonl"
SAMPLE_CHARS = 600
TABLE_ROWS = 200


def run(config: EvaluateStage, context: Context) -> dict[str, Any]:
    """Write results.json, predictions.jsonl and samples.jsonl.

    Returns each result's value under its name: those of the pretrained model and of the task plainly, the
    others with `unigram_`, `bigram_` or, for the fine-tuned model's perplexities, `finetuned_` before it. Before
    those of a file stand its name and a slash.

    Raises:
        UserError: where there is no text or example to score, or a model, its tokenizer and the text do not
        fit.
    """
    settings, device = config.evaluate, _device(config.evaluate.accelerator)
    bootstrap = Bootstrap(settings.bootstrap, settings.confidence, config.seed)
    results: list[Result] = []
    sampled: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []

    def add(found: Iterable[Result]) -> None:
        for result in found:
            context.log.info("%s", result)
            context.log.debug("%s", result.signature)
            results.append(result)

    texts: list[Text] = []
    lacking: list[str] = []
    if "pretrain" in context.inputs:
        artifact = context.inputs["pretrain"]
        texts = Text.encode(context.inputs["tokenizer"], settings.perplexity, context)
        check_tokenizer(artifact, texts[0].tokenizer, texts[0].tokenizer_hash)
        objective = pretrained_objective(artifact, context.inputs["tokenizer"], config.seed)
        model = load_model(artifact, device)
        add(evaluate_objective(PretrainedModel(model, objective, texts, settings, bootstrap, context)))
        sampled = _samples(objective, model, settings, config.seed)
        lacking = _lacking(objective, sampled, context)

    if "finetune" in context.inputs:
        artifact = context.inputs["finetune"]
        task, facts = read_task(artifact)
        tokenizer, digest = load_tokenizer(artifact), tokenizer_hash(artifact)
        check_tokenizer(artifact, tokenizer, digest)
        model = task.load_model(artifact, device)
        if task.scores_text:
            if not texts or texts[0].tokenizer_hash != digest:
                texts = Text.encode(artifact, settings.perplexity, context)
            for text in texts:
                add(model_results("finetune", model, text, settings.perplexity, bootstrap, context))
            causal = build_objective(CausalConfig(), tokenizer, config.seed)
            sampled = sampled or _samples(causal, model, settings, config.seed)
        tuned = TunedModel(artifact, task, facts, model, tokenizer, settings, bootstrap, config.seed, context)
        found, predictions = evaluate_task(tuned)
        add(found)

    write_results(context.folder / RESULTS, results)
    _write_jsonl(context.folder / SAMPLES, sampled)
    _write_jsonl(context.folder / PREDICTIONS, predictions)
    metrics: dict[str, Any] = {_key(result): result.value for result in results}
    context.tracker.log(metrics, step=0)
    if predictions:
        columns = ["prompt", "prediction", "references"]
        rows = [[row[name] for name in columns] for row in predictions[:TABLE_ROWS]]
        context.tracker.table("predictions", columns, rows)
    if sampled:
        context.tracker.table(
            "samples", ["prompt", "continuation"], [[row["prompt"], row["continuation"]] for row in sampled]
        )
        metrics["sample"] = (sampled[0]["prompt"] + sampled[0]["continuation"])[:SAMPLE_CHARS]
    if lacking:
        metrics["lacks"] = "; ".join(lacking)
    return metrics | {"headline": _headline(results)}


def _samples(objective: Objective, model: Any, config: EvaluateConfig, seed: int) -> list[dict[str, Any]]:
    """Rows of samples.jsonl: what the model makes of each prompt.

    Sampled even where the task is decoded greedily: a small model's likeliest text goes in circles.
    """
    decode = config.decode.model_copy(update={"method": "sample", "max_new_tokens": config.prompt_tokens})
    sampler = objective.sampler(config.prompts, decode, seed)
    pairs = sampler(model) if sampler else []
    return [{"prompt": prompt, "continuation": continuation} for prompt, continuation in pairs]


def _lacking(objective: Objective, sampled: list[dict[str, Any]], context: Context) -> list[str]:
    """What is not told of the pretrained model since its objective has no such thing, in words."""
    lacking = [] if objective.config.gives_perplexity else [objective.config.lacks("perplexity")]
    if not sampled:
        lacking.append(objective.config.lacks("sample texts"))
    for words in lacking:
        context.log.info(words)
    return lacking


def _device(accelerator: str) -> torch.device:
    available = torch.cuda.is_available()
    if accelerator == "gpu" and not available:
        raise UserError("evaluate.accelerator=gpu, but torch finds no GPU; set it to auto or cpu")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


def _key(result: Result) -> str:
    """The result's name among the stage's metrics."""
    name = result.name if result.model == "pretrain" else f"{result.model}_{result.name}"
    if result.model == "finetune":
        name = f"finetuned_{result.name}" if result.of_text else result.name
    return f"{result.file}/{name}" if result.file else name


def _headline(results: Iterable[Result]) -> str:
    """The main figures in words, for the table that a run ends with: the pretrained model's and the task's."""
    main = (result for result in results if _key(result) == result.name)
    return ", ".join(result.headline for result in main if result.headline)


def _write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
