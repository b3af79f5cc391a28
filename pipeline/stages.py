"""The stages: one row each. A new stage is a row, a body, and a section; a plugin's calls `register`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.config import stages as configs
from pipeline.config.base import Section
from pipeline.config.root import RootConfig, add_section
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.store.manifest import StageMetrics, figure, words
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words

LAST_STEP = "the last training step"
"""What export calls the weights that a training has ended with."""


@dataclass(frozen=True)
class Phase:
    """A part of a stage's work: a function `name(config, context)` in the module of the stage's target."""

    name: str
    parallel: bool = False
    """Whether several processes may take a share of it each (`Context.share`), on one machine or many."""


@dataclass(frozen=True)
class Stage:
    """What the planner knows of a stage without importing its code."""

    name: str
    version: int
    """Raised by hand when the code changes what the stage produces; older artifacts are then rebuilt."""
    config: type[Section]
    """The sections it sees: a class whose fields are named as in `RootConfig`."""
    target: str
    """`module:function` of its body, `run(config, context) -> metrics`."""
    inputs: tuple[str, ...]
    """Stages whose artifacts it reads."""
    headline: str | Callable[[StageMetrics], str]
    """Its main figure: a format string over its metrics, or a function of them."""
    phases: tuple[Phase, ...] = ()
    """What runs before its body, in this order."""
    trainer: Callable[[RootConfig], TrainerConfig] | None = None
    """Where the number of ranks is set; None for a stage of one process (which may fork its own)."""
    gpu: Callable[[RootConfig], bool] = lambda root: False
    """Whether a stage of one process can use a GPU."""
    enabled: Callable[[RootConfig], bool] = lambda root: True
    forecast: str | None = None
    """`module:function` that predicts what training needs: `(root, vocab_size, train_tokens) -> Forecast | None`."""
    checks: tuple[str, ...] = ()
    """`module:function` each, of what can be known to go wrong before it is started: see `pipeline.preflight`."""

    def config_from(self, root: RootConfig) -> Section:
        return self.config(**{name: getattr(root, name) for name in self.config.model_fields})

    def gpus(self, root: RootConfig) -> int:
        """GPUs per node that it can use."""
        trainer = self.trainer(root) if self.trainer else None
        if trainer is None:
            return int(self.gpu(root))
        return trainer.devices if trainer.accelerator != "cpu" else 0

    def inputs_for(self, root: RootConfig) -> tuple[str, ...]:
        return tuple(name for name in self.inputs if STAGES[name].enabled(root))


def _bytes(metrics: StageMetrics) -> str:
    return size_in_words(1e6 * (figure(metrics, "megabytes") or 0))


def _kept(metrics: StageMetrics) -> str:
    documents = metrics["documents"]
    assert isinstance(documents, int)
    return f"{counted(documents, 'document')}, {_bytes(metrics)}"


def _exported(metrics: StageMetrics) -> str:
    """What of the training it is, where it is not its end, and how well it was exported."""
    of = "" if words(metrics, "weights") in ("", LAST_STEP) else f"{metrics['weights']}; "
    return f"{of}logits differ by {metrics['max_logit_difference']:.1e}"


def _pretrains(root: RootConfig) -> bool:
    return not root.finetune.replaces_pretraining


def _reads_corpus(root: RootConfig) -> bool:
    return root.reads_corpus


def _finetunes(root: RootConfig) -> bool:
    return root.finetune.enabled


def _evaluates_on_gpu(root: RootConfig) -> bool:
    chosen = root.evaluate.accelerator
    return chosen == "gpu" or (chosen == "auto" and root.trainer.accelerator != "cpu")


_TABLE = (
    Stage("download", 2, configs.DownloadStage, "data_prep.download:run", (), _bytes,
          enabled=_reads_corpus, checks=("data_prep.preflight:own_files",)),
    Stage("clean", 10, configs.CleanStage, "data_prep.clean:run", ("download",),
          _kept,
          phases=(Phase("prepare"), Phase("survey", parallel=True), Phase("learn"), Phase("extract", parallel=True),
                  Phase("decide"), Phase("write", parallel=True)),
          enabled=_reads_corpus, checks=("data_prep.preflight:chinese", "data_prep.preflight:quality")),
    Stage("tokenizer", 3, configs.TokenizerStage, "data_prep.tokenizer:run", ("clean",),
          "{vocab_size:,} tokens, {bytes_per_token:.2f} bytes each", enabled=_pretrains,
          checks=("data_prep.preflight:vocabulary",)),
    Stage("shards", 3, configs.ShardsStage, "data_prep.shards:run", ("clean", "tokenizer"),
          "{train_tokens:,} training tokens", phases=(Phase("encode", parallel=True),), enabled=_pretrains),
    Stage("pretrain", 3, configs.PretrainStage, "train.pretrain:run", ("shards", "tokenizer"), "{headline}",
          trainer=lambda root: root.trainer, enabled=_pretrains,
          forecast="train.memory.forecast:forecast",
          checks=("train.preflight:gpus", "train.preflight:weights",
                  "train.weights.vocabulary:tokenizer_of_the_weights", "train.preflight:model",
                  "train.preflight:vectors", "train.pruning.preflight:prunable",
                  "train.benchmarks.preflight:probes",
                  "train.preflight:objective", "train.preflight:sequences",
                  "train.distillation.preflight:teacher_of_pretraining",
                  "train.distillation.preflight:tokenizer_of_the_teacher")),
    Stage("finetune", 8, configs.FinetuneStage, "train.finetune:run", ("download", "tokenizer", "pretrain"),
          "validation loss {validation_loss:.3f}", trainer=lambda root: root.finetune.trainer, enabled=_finetunes,
          forecast="train.finetuning.forecast:forecast",
          checks=("train.preflight:gpus_of_finetuning", "train.finetuning.preflight:examples",
                  "train.finetuning.preflight:base_model", "train.finetuning.preflight:prompts",
                  "train.finetuning.preflight:framed_prompts", "train.finetuning.preflight:lengths",
                  "train.distillation.preflight:teacher_of_finetuning")),
    Stage("evaluate", 9, configs.EvaluateStage, "eval.evaluate:run",
          ("clean", "tokenizer", "shards", "pretrain", "finetune"), "{headline}", gpu=_evaluates_on_gpu,
          checks=("eval.preflight:device", "eval.preflight:metrics", "eval.preflight:ratings",
                  "eval.preflight:held_out_text", "eval.preflight:files", "eval.preflight:memorization",
                  "eval.preflight:canaries", "eval.preflight:views", "eval.benchmarks.preflight:benchmarks",
                  "eval.preflight:weights")),
    Stage("export", 10, configs.ExportStage, "train.export:run",
          ("clean", "tokenizer", "pretrain", "finetune", "evaluate"), _exported,
          checks=("train.export_preflight:formats",)),
    Stage("report", 3, configs.ReportStage, "eval.report:run",
          ("download", "clean", "tokenizer", "shards", "pretrain", "finetune", "evaluate", "export"),
          lambda metrics: f"{_bytes(metrics)} of HTML"),
)  # fmt: skip

STAGES: dict[str, Stage] = {stage.name: stage for stage in _TABLE}


def register(stage: Stage, **sections: type[Section]) -> None:
    """Add the stage of a plugin, when its package is imported. The report shows it, and so makes it.

    Args:
        sections: what the configuration gets for it, by the names that `stage.config` gives its fields.

    Raises:
        UserError: where a stage or section has such a name already.
    """
    if stage.name in STAGES:
        raise UserError(f"plugins: there is a stage {stage.name!r} already; give the new one another name")
    for name, section in sections.items():
        add_section(name, section)
    report = STAGES.pop("report")  # last again
    STAGES[stage.name] = stage
    STAGES["report"] = replace(report, inputs=(*report.inputs, stage.name))


def upstream(target: str, root: RootConfig) -> list[Stage]:
    """The enabled stages that `target` needs, itself last, each after its inputs."""
    order: dict[str, Stage] = {}

    def visit(name: str) -> None:
        for parent in STAGES[name].inputs_for(root):
            visit(parent)
        order.setdefault(name, STAGES[name])

    visit(target)
    return list(order.values())


def describe(stage: Stage, metrics: StageMetrics) -> str:
    """The stage's main figure in words; where its metrics do not hold it what they say instead, if anything."""
    try:
        headline = stage.headline
        return headline(metrics) if callable(headline) else headline.format(**metrics)
    except (KeyError, ValueError, TypeError):
        return str(metrics.get("headline", ""))
