"""The whole configuration of a run, and what its sections say against each other."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from pydantic.fields import FieldInfo

from pipeline.config.base import Section
from pipeline.config.benchmarks import BenchmarkItems
from pipeline.config.clean import CleanConfig
from pipeline.config.corpora import CorpusConfig
from pipeline.config.data import DataConfig
from pipeline.config.evaluation import EvaluateConfig, ExportConfig, ReportConfig, WeightsConfig
from pipeline.config.launchers import LauncherConfig
from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.shards import ShardsConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.sweep import SweepConfig
from pipeline.config.tasks import FinetuneConfig
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.config.trackers.wandb import WandbTracking
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.formats.hub import SCHEME
from pipeline.formats.run_folder import command_for, is_run
from pipeline.remote.listing import ARTIFACT_SCHEME


class RootConfig(Section):
    """Every section. A stage gets a subset: see `pipeline.config.stages`."""

    stage: str = "report"
    """The stage to bring up to date, with all that it needs."""
    dryrun: bool = False
    """Print what would be built and what training would need, and do nothing."""
    show_config: bool = False
    """Print the checked configuration with what set each value that is not its default, and do nothing."""
    plugins: list[str] = []
    """Importable packages of your own that bring models, optimizers, …; see `docs/plugins.md`."""
    verify: bool = False
    """Read all finished artifacts of the run in full and compare them with what was written. Without it their files'
    names and sizes are compared, and the content of what a stage is going to read where a file was touched since."""
    seed: int = 1337
    """Of the data order, the initial weights and everything else that is drawn."""
    run: RunConfig = RunConfig()
    corpus: CorpusConfig
    clean: CleanConfig = Field(default_factory=CleanConfig)  # whose filters may have got more keys since
    tokenizer: TokenizerConfig
    shards: ShardsConfig = ShardsConfig()
    data: DataConfig = DataConfig()
    pretrain: PretrainConfig = PretrainConfig()
    model: ModelConfig
    objective: ObjectiveConfig
    optim: OptimizerConfig
    schedule: ScheduleConfig
    trainer: TrainerConfig
    strategy: StrategyConfig
    finetune: FinetuneConfig
    evaluate: EvaluateConfig = EvaluateConfig()
    export: ExportConfig = ExportConfig()
    report: ReportConfig = ReportConfig()
    tracking: TrackingConfig = WandbTracking()
    launcher: LauncherConfig
    sweep: SweepConfig = SweepConfig()

    @property
    def evaluation_files(self) -> list[str]:
        """Files with texts that this run's models are evaluated on and that the corpus is compared with, as
        configured: paths, folders, globs and `artifact://`. They are part of the corpus's fingerprint.

        With `clean.contamination.action=auto` only those that would be dropped: WikiText, where the corpus is a dump.
        """
        config = self.clean.contamination
        scored = self.evaluate.perplexity.files
        if config.action == "off":
            return []
        if config.action == "auto":
            wikitext = [name for name in scored if Path(name).name.startswith("wiki.")]
            return [*config.files, *(wikitext if self.corpus.may_hold_wikipedia() else [])]
        sections = self.finetune.data_sections if self.finetune.enabled else []
        tests = [name for section in sections for name in section.named.get("test", {})]
        files = [name for name in tests if not name.startswith(SCHEME)]
        return list(dict.fromkeys([*scored, *config.files, *files]))

    @property
    def compared_benchmarks(self) -> list[BenchmarkItems]:
        """Benchmarks whose items the corpus is compared with; as `evaluation_files` part of its fingerprint, and so
        only where `clean.contamination.action` says what to do about them."""
        if self.clean.contamination.action in ("off", "auto"):
            return []
        return [BenchmarkItems(task=each.task, data=each.data) for each in self.evaluate.benchmarks]

    @property
    def exported_weights(self) -> WeightsConfig:
        """What evaluate has to know of export: it scores the weights that are exported."""
        return WeightsConfig(**{name: getattr(self.export, name) for name in WeightsConfig.model_fields})

    @property
    def kept_checkpoints(self) -> dict[str, list[int]] | None:
        """How training writes and keeps checkpoints, where the result depends on it; elsewhere it is free to change."""
        if not (self.export.chooses or self.evaluate.checkpoints):
            return None
        trainers = {"pretrain": self.trainer, "finetune": self.finetune.trainer}
        names = ("checkpoint_every", "keep_last", "keep_every", "validate_every")
        return {stage: [getattr(trainer, name) for name in names] for stage, trainer in trainers.items()}

    @property
    def reads_corpus(self) -> bool:
        """Whether anything of this run reads the corpus; else it is neither downloaded nor cleaned."""
        named = [
            name
            for section in self.finetune.data_sections
            for files in section.named.values()
            for name in files
        ]
        of_corpus = tuple(f"{ARTIFACT_SCHEME}{stage}/" for stage in ("download", "clean"))
        return (
            not self.finetune.replaces_pretraining
            or self.evaluate.perplexity.corpus
            or any(name.startswith(of_corpus) for name in (*named, *self.evaluate.perplexity.files))
        )

    def problems(self) -> list[str]:
        """Contradictions between sections."""
        found = []
        if self.export.weights == "average" and self.export.average_last is None and self.finetune.enabled:
            found.append(
                "export.weights=average takes of pretraining as many checkpoints as score best on the validation "
                "split; of a fine-tuned model, which is exported here, say how many: export.average_last=2"
            )
        if self.evaluate.checkpoints and self.finetune.replaces_pretraining:
            found.append(
                "evaluate.checkpoints=true scores the checkpoints of pretraining, of which there is none here "
                "(finetune.init); leave it out"
            )
        parts = [name for name in self.corpus.by_part if name]
        if unknown := sorted(self.data.parts - set(parts)):
            what = f"its parts are {', '.join(parts)}" if parts else "only corpus=mixture has parts"
            found.append(f"data names {', '.join(unknown)}, no part of this corpus; {what}")
        if self.reads_corpus:
            found += self._incomplete_corpora()
        if not self.finetune.replaces_pretraining:
            found += self.tokenizer.misfits(self.pretrain, parts)
            misfits = (each for format in self.export.formats for each in format.misfits(self.tokenizer))
            found += dict.fromkeys(misfits)
        if self.pretrain.init is not None and self.finetune.replaces_pretraining:
            found.append(
                f"finetune.init={self.finetune.init} leaves nothing to pretrain; leave it out to fine-tune what "
                "pretrain.init is continued to, or leave pretrain.init out"
            )
        if self.pretrain.distill is not None and self.finetune.replaces_pretraining:
            found.append(
                f"finetune.init={self.finetune.init} leaves nothing to pretrain, so pretrain.distill would do nothing; "
                "teach the fine-tuning with finetune.distill, or leave it out"
            )
        found += self._untrained()
        if not self.finetune.replaces_pretraining:
            found += self.objective.misfits(self.model, self.data)
            if self.pretrain.distill is not None:
                found += self.objective.distill_misfits(self.model, self.pretrain.distill)
        found += [
            *self._adapted(),
            *self.pretrain.pruning_misfits(self.model, fine_tunes=self.finetune.enabled),
        ]
        trainers = {"trainer": self.trainer}
        if self.finetune.enabled:
            trainers["finetune.trainer"] = self.finetune.trainer
        for where, trainer in trainers.items():
            found += self.strategy.rank_problems(trainer.ranks, where)
            found += self.launcher.reach_problems(trainer.nodes, where)
        length = self.trainer.sequence_length
        if length and length > self.model.context:
            found.append(
                f"trainer.sequence_length={length} is longer than model.context={self.model.context}; "
                "shorten the one or raise the other"
            )
        scored = self.evaluate.perplexity
        if scored.context and scored.context > self.model.context and not self.finetune.replaces_pretraining:
            found.append(
                f"evaluate.perplexity.context={scored.context} is longer than model.context={self.model.context}"
            )
        window = scored.context or self.model.context
        if scored.stride and scored.stride > window:
            found.append(
                f"evaluate.perplexity.stride={scored.stride} must be at most its context of {window}"
            )
        return found

    def _incomplete_corpora(self) -> Iterator[str]:
        for part, corpus in self.corpus.by_part.items():
            if corpus.missing:
                example = f"corpus.{f'parts.{part}.' if part else ''}{corpus.missing}"
                known = ""
                if is_run(self.run.folder):
                    known = (
                        f". The run {self.run.name} was made by: {command_for(self.run.folder, self.stage)}"
                    )
                yield f"{example.partition('=')[0]} is missing: say what is to be read, {example}{known}"

    def _untrained(self) -> Iterator[str]:
        """Trainings of no steps that start from nothing."""
        remedy = "give it steps, or name the weights that are to be evaluated as they are"
        named = self._starts_from_weights
        if self.trainer.steps == 0 and not named and not self.finetune.replaces_pretraining:
            yield f"trainer.steps=0 leaves the model random: {remedy} (pretrain.init=…)"
        finetune = self.finetune
        if finetune.enabled and finetune.trainer.steps == 0 and not (named or finetune.init):
            yield f"finetune.trainer.steps=0 tunes nothing: {remedy} (finetune.init=…)"

    @property
    def _starts_from_weights(self) -> bool:
        return self.pretrain.init is not None or self.model.pretrained_path is not None

    def _adapted(self) -> Iterator[str]:
        """Adapters without weights to adapt, and those that the strategy cannot train."""
        if self.pretrain.lora is not None and not self._starts_from_weights:
            yield (
                "pretrain.lora adapts weights that exist: name them with pretrain.init=…, or leave it out to train all "
                "weights"
            )
        adapted = {
            "pretrain": self.pretrain.lora,
            "finetune": self.finetune.lora if self.finetune.enabled else None,
        }
        for where, lora in adapted.items():
            if lora is not None:
                yield from self.strategy.lora_problems(lora, f"{where}.lora")


def add_section(name: str, section: type[Section]) -> None:
    """Give the configuration a section that a plugin's stage sees; `load_plugins` makes it known.

    Raises:
        UserError: where it has one of that name already.
    """
    if name in RootConfig.model_fields:
        raise UserError(f"plugins: the configuration has {name!r} already; give the new section another name")
    RootConfig.model_fields[name] = FieldInfo(annotation=section, default_factory=section)
