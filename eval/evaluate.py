"""The evaluate stage: what the models make of held-out text and of the task's test examples."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from eval.checkpoints.exported import find_weights
from eval.language_model.canaries import canary_results
from eval.language_model.document_scores import DocumentScores, write_documents
from eval.language_model.measure import Text, check_tokenizer, model_results
from eval.language_model.memorization import memorization_results
from eval.metrics import describe_scales
from eval.objectives import PretrainedModel, evaluate_objective
from eval.ratings.answers import read_answers
from eval.ratings.results import rating_results
from eval.ratings.written import written_texts
from eval.result_names import MODEL_NAMES, headline, in_line, metric_name, writer_name
from eval.results import PER_CHARACTER, Bootstrap, Result, results_of_exported, write_results
from eval.tasks import Prediction, TunedModel, evaluate_task
from eval.views.records import View, write_views
from eval.views.view import make_views
from pipeline.config.evaluation import FEWEST_UNITS, EvaluateConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.stages import EvaluateStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.tokenizers import load_tokenizer, tokenizer_hash
from pipeline.store.manifest import StageMetrics
from train.checkpoints.final_model import load_model
from train.finetuning.artifact import read_task
from train.generation.openings import prompts_or_openings
from train.models import LanguageModel, TrainableModel
from train.objectives import Objective, build_objective, pretrained_objective
from train.products import use_fastest_products
from train.weights.choice import Choice, exported_stage
from train.weights.exported import with_weights

PREDICTIONS, SAMPLES = "predictions.jsonl", "samples.jsonl"
SAMPLE_CHARS = 600
TABLE_ROWS = 200


def run(config: EvaluateStage, context: Context) -> StageMetrics:
    """Write results.json, predictions.jsonl, samples.jsonl and documents.jsonl.

    Returns each result's value under its name: those of the pretrained model and of the task plainly, the
    others with `unigram_`, `bigram_`, `trigram_` or, for the fine-tuned model's figures of text, `finetuned_` before
    it. Weights that are exported and not those of the last step have `best_`, `average_`, `ema_` or `step_<n>_`.
    Before the figures of a file stand its name and a slash.

    Raises:
        UserError: where there is no text or example to score, or a model, its tokenizer and the text do not
        fit.
    """
    use_fastest_products()
    evaluation = Evaluation(config, context)
    chosen = find_weights(config, context, evaluation.bootstrap, evaluation.device)
    if "pretrain" in context.inputs:
        evaluation.score_pretrained(context.inputs["pretrain"])
    if "finetune" in context.inputs:
        evaluation.score_finetuned(context.inputs["finetune"])
    if chosen is not None:
        evaluation.score_chosen(chosen)
    return evaluation.finish()


class Evaluation:
    """What is found out, model after model."""

    def __init__(self, config: EvaluateStage, context: Context):
        self._config, self._context, self._seed = config.evaluate, context, config.seed
        self.device = _device(config.evaluate.accelerator)
        self.bootstrap = Bootstrap(self._config.bootstrap, self._config.confidence, config.seed)
        self._texts: list[Text] = []
        self._results: list[Result] = []
        self._sampled: list[dict[str, str]] | None = None
        self._writer = "pretrain"
        """What results call the model that wrote the samples: of pretrained weights those that are exported."""
        self._predictions: list[Prediction] = []
        self._lacking: list[str] = []
        self._documents: list[DocumentScores] = []
        self._views: list[View] = []
        self._chosen: tuple[str, Choice] | None = None

    def score_chosen(self, choice: Choice) -> None:
        """Score the model that is exported, where its weights are not those of the last step."""
        stage = exported_stage(self._context.inputs)
        self._chosen = stage, choice
        artifact = with_weights(self._context, choice).inputs[stage]
        {"pretrain": self.score_pretrained, "finetune": self.score_finetuned}[stage](artifact, choice.label)

    def score_pretrained(self, artifact: Path, label: str | None = None) -> None:
        """
        Args:
            label: what the results call the model, where its weights are not those of the last step.
        """
        context, tokenizer = self._context, self._context.inputs["tokenizer"]
        self._texts = self._texts or Text.encode(tokenizer, self._config.perplexity, context)
        check_tokenizer(artifact, self._texts[0].tokenizer, self._texts[0].tokenizer_hash)
        objective = pretrained_objective(artifact, tokenizer, self._seed)
        model = load_model(artifact, self.device)
        config = self._config.model_copy(update={"ngram_baselines": False}) if label else self._config
        kept = None if label else self._documents
        pretrained = PretrainedModel(model, objective, self._texts, config, self.bootstrap, context, kept)
        self._add(evaluate_objective(pretrained), label)
        if not label:
            self._views = make_views(model, self._texts[0].tokenizer, self._config.views, context)
        if isinstance(model, LanguageModel):
            self._score_benchmarks("pretrain", model, tokenizer, label)
            model.lay_out_for_generation()  # its loss is measured: from here on it only writes
            if not label:
                self._score_memory(model)
        self._sampled, self._writer = (
            _samples(objective, model, self._prompts, self._config, self._seed),
            label or "pretrain",
        )
        if label:
            return
        self._lacking = _lacking(objective, self._sampled)
        for words in self._lacking:
            context.log.info(words)

    def score_finetuned(self, artifact: Path, label: str | None = None) -> None:
        """Args: label: as of `score_pretrained`."""
        task, facts = read_task(artifact)
        tokenizer, digest = load_tokenizer(artifact), tokenizer_hash(artifact)
        check_tokenizer(artifact, tokenizer, digest)
        model = task.load_model(artifact, self.device)
        if task.scores_text and isinstance(model, LanguageModel):
            if not self._texts or self._texts[0].tokenizer_hash != digest:
                self._texts = Text.encode(artifact, self._config.perplexity, self._context)
            for text in self._texts:
                self._add(
                    model_results(
                        "finetune",
                        model,
                        text,
                        self._config.perplexity,
                        self.bootstrap,
                        self._context,
                        None if label else self._documents,
                    ),
                    label,
                )
            self._score_benchmarks("finetune", model, artifact, label)
            model.lay_out_for_generation()  # its loss is measured: from here on it only writes
            causal = build_objective(CausalConfig(), tokenizer, self._seed)
            if not self._sampled or (label and "pretrain" not in self._context.inputs):
                self._sampled = _samples(causal, model, self._prompts, self._config, self._seed)
                self._writer = label or "finetune"
        tuned = TunedModel(
            artifact,
            task,
            facts,
            model,
            tokenizer,
            self._config,
            self.bootstrap,
            self._seed,
            self._context,
        )
        found, predictions = evaluate_task(tuned)
        self._predictions = self._predictions or predictions
        self._add(found, label)

    def _score_memory(self, model: LanguageModel) -> None:
        """How well the pretrained model remembers canaries and passages of its training text."""
        self._add(canary_results(model, self._config, self.bootstrap, self._context), None)
        if self._config.memorization.prefixes:
            found = memorization_results(model, self._config, self.bootstrap, self._seed, self._context)
            self._add(found, None)

    def _score_benchmarks(
        self, name: str, model: LanguageModel, tokenizer_artifact: Path, label: str | None
    ) -> None:
        if not self._config.benchmarks:
            return
        from eval.benchmarks.scores import Examinee, benchmark_results  # of an extra

        tokenizer, digest = load_tokenizer(tokenizer_artifact), tokenizer_hash(tokenizer_artifact)
        examinee = Examinee(name, model, tokenizer, digest)
        found = benchmark_results(examinee, self._config, self.bootstrap, self._seed, self._context)
        there = {(result.model, result.file, result.name) for result in self._results}
        self._add((each for each in found if (each.model, each.file, each.name) not in there), label)

    def finish(self) -> StageMetrics:
        """Write it down. Returns the stage's metrics.

        Raises:
            UserError: where people have judged other texts than the model's.
        """
        context, sampled = self._context, self._sampled or []
        self._add_ratings(sampled)
        write_results(context.folder, self._results)
        write_documents(context.folder, self._documents)
        write_views(context.folder, self._views)
        _write_jsonl(context.folder / SAMPLES, sampled)
        _write_jsonl(context.folder / PREDICTIONS, self._predictions)
        figures = {metric_name(result): result.value for result in self._results}
        context.tracker.log(figures, step=0)
        told: dict[str, str] = {}
        if self._predictions:
            columns = ["prompt", "prediction", "references"]
            shown = self._predictions[:TABLE_ROWS]
            rows = [[row["prompt"], row["prediction"], row["references"]] for row in shown]
            context.tracker.table("predictions", columns, rows)
        if sampled:
            columns = ["prompt", "continuation"]
            context.tracker.table("samples", columns, [[row[name] for name in columns] for row in sampled])
            told["sample"] = (sampled[0]["prompt"] + sampled[0]["continuation"])[:SAMPLE_CHARS]
            told["sample_of"] = writer_name(self._writer)
        if self._lacking:
            told["lacks"] = "; ".join(self._lacking)
        if notes := list(self._notes()):
            told["notes"] = " ".join(notes)
            for words in notes:
                context.log.info("%s", words)
        stage, choice = self._chosen or ("pretrain", None)
        label = choice.label if choice else None
        results = results_of_exported(self._results, stage, label)
        told["headline"] = headline(results, stage, label, self._config.perplexity)
        return {**figures, **told}

    @cached_property
    def _prompts(self) -> list[str]:
        """What the sample texts go on from."""
        inputs = self._context.inputs
        if "shards" not in inputs:
            return self._config.prompts or []
        return prompts_or_openings(
            self._config.prompts, inputs["shards"], load_tokenizer(inputs["tokenizer"])
        )

    def _notes(self) -> Iterator[str]:
        """What one must know to read the figures, a sentence each."""
        if self._predictions:
            names = {result.name for result in self._results if result.model == "finetune"}
            yield from describe_scales(names, self._config)
        if any(result.title == PER_CHARACTER.title for result in self._results):
            yield (
                "In text without spaces between words each character counts as one, with the punctuation and line ends "
                "behind it: so a character may cost more than a token. The log and W&B call perplexity per character "
                "word_perplexity, too."
            )
        if self.bootstrap.resamples and any(result.of_few for result in self._results):
            yield (
                f"Figures of fewer than {FEWEST_UNITS} documents or examples have no confidence interval: so few tell "
                "too little of how others would score."
            )

    def _add_ratings(self, sampled: list[dict[str, str]]) -> None:
        if self._config.ratings:
            answers = read_answers(self._context.locate_files(self._config.ratings))
            written = written_texts(self._predictions, sampled)
            model = "finetune" if self._predictions else self._writer
            self._add(rating_results(model, answers, written, self.bootstrap), None)

    def _add(self, found: Iterable[Result], label: str | None) -> None:
        if label is not None:  # what stands beside the run's own model is the same whatever its weights
            found = [replace(result, model=label) for result in found if result.model in MODEL_NAMES]
        for result in found:
            self._context.log.info("%s", in_line(result))
            self._context.log.debug("%s", result.signature)
            self._results.append(result)


def _samples(
    objective: Objective, model: TrainableModel, prompts: list[str], config: EvaluateConfig, seed: int
) -> list[dict[str, str]] | None:
    """Rows of samples.jsonl: what the model makes of each prompt; None where the objective shows nothing.

    Sampled even where the task is decoded greedily: a small model's likeliest text goes in circles.
    """
    decode = config.decode.model_copy(update={"method": "sample", "max_new_tokens": config.prompt_tokens})
    sampler = objective.sampler(prompts, decode, seed)
    if sampler is None:
        return None
    return [{"prompt": prompt, "continuation": continuation} for prompt, continuation in sampler(model)]


def _lacking(objective: Objective, sampled: list[dict[str, str]] | None) -> list[str]:
    """What is not told of the pretrained model since its objective has no such thing, in words."""
    there = {"perplexity": objective.config.gives_perplexity, "sample texts": sampled is not None}
    return [objective.config.lacks(what) for what, is_there in there.items() if not is_there]


def _device(accelerator: str) -> torch.device:
    available = torch.cuda.is_available()
    if accelerator == "gpu" and not available:
        raise UserError("evaluate.accelerator=gpu, but torch finds no GPU; set it to auto or cpu")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


def _write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
