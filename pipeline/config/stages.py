"""What each stage sees of the configuration: its own sections and nothing else."""

from typing import Annotated

from pipeline.config.base import CONTENT, HORIZON, NEUTRAL, Section
from pipeline.config.benchmarks import BenchmarkItems
from pipeline.config.clean import CleanConfig
from pipeline.config.corpora import CorpusConfig
from pipeline.config.data import DataConfig
from pipeline.config.evaluation import EvaluateConfig, ExportConfig, ReportConfig, WeightsConfig
from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.shards import ShardsConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.tasks import FinetuneConfig
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.config.training import TrainerConfig


class DownloadStage(Section):
    corpus: CorpusConfig


class CleanStage(Section):
    clean: CleanConfig
    evaluation_files: Annotated[list[str], CONTENT] = []
    """What this run's models are evaluated on: `RootConfig.evaluation_files`."""
    compared_benchmarks: list[BenchmarkItems] = []
    """`RootConfig.compared_benchmarks`."""


class TokenizerStage(Section):
    tokenizer: TokenizerConfig


class ShardsStage(Section):
    shards: ShardsConfig


class PretrainStage(Section):
    seed: int
    pretrain: PretrainConfig = PretrainConfig()
    data: DataConfig
    model: ModelConfig
    objective: ObjectiveConfig
    optim: OptimizerConfig
    schedule: Annotated[ScheduleConfig, HORIZON]
    trainer: TrainerConfig
    strategy: Annotated[StrategyConfig, NEUTRAL]


class FinetuneStage(Section):
    seed: int
    finetune: FinetuneConfig
    strategy: Annotated[StrategyConfig, NEUTRAL]


class EvaluateStage(Section):
    seed: int
    evaluate: EvaluateConfig
    exported_weights: WeightsConfig = WeightsConfig()
    """`RootConfig.exported_weights`."""
    kept_checkpoints: dict[str, list[int]] | None = None
    """`RootConfig.kept_checkpoints`."""


class ExportStage(Section):
    export: ExportConfig


class ReportStage(Section):
    report: ReportConfig
