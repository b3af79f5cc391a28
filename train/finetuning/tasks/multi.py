"""Several tasks at once, with a head each on one body (Caruana, 1997; Liu et al., 2019)."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.config.models import ModelConfig
from pipeline.config.tasks.multi import MultiConfig
from pipeline.text.counts import counted
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.head_task import HeadTask, head_task
from train.finetuning.multi.splits import MultiSplits, together
from train.finetuning.task import FinetuningTask

if TYPE_CHECKING:
    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.multi.model import MultiModel
    from train.finetuning.multi.trained import TrainedMulti
    from train.finetuning.multi.training import MultiTraining


class Multi(FinetuningTask):
    """All that is asked of it, it asks of its tasks; what they say is told with their names."""

    scores_text: ClassVar[bool] = False
    evaluation: ClassVar[str] = "eval.tasks.multi"

    def read_splits(self, settings: MultiConfig, locate: Callable[[str], Path]) -> Splits:
        return together({name: task.read_splits(own, locate) for name, own, task in _parts(settings)})

    def describe_examples(self, settings: MultiConfig, splits: Splits) -> str:
        own = cast(MultiSplits, splits).parts
        told = {name: task.describe_examples(section, own[name]) for name, section, task in _parts(settings)}
        return "; ".join(
            f"{name}: {counted(len(own[name].train), 'example')}, {words}" for name, words in told.items()
        )

    def check_base(self, model: ModelConfig, name: str) -> None:
        from train.finetuning.bases import check_body

        check_body(model, "finetune.task=multi", name)

    def training(self, settings: MultiConfig, base: "BaseModel", splits: Splits) -> "MultiTraining":
        from train.finetuning.multi.training import MultiTraining

        for _, _, task in _parts(settings):
            task.check_base(base.config, base.name)
        return MultiTraining(settings, base, cast(MultiSplits, splits))

    def load_model(self, artifact: Path, device: "str | torch.device" = "cpu") -> "MultiModel":
        from train.finetuning.multi.model import load_multi

        return load_multi(artifact, device)

    def trained_model(self, artifact: Path, facts: TaskFacts) -> "TrainedMulti":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import judge_by_several_heads
        from train.finetuning.multi.trained import TrainedMulti

        tasks = ", ".join(f"{name} ({part['task']})" for name, part in facts["parts"].items())
        usage = judge_by_several_heads(next(iter(facts["parts"])))
        card = Card(
            "A language model fine-tuned to several tasks, with a head for each.",
            "lm-workflow",
            usage,
            own_usage=usage,
            notes=(f"Tasks: {tasks}.",),
        )
        return TrainedMulti(artifact, self.load_model(artifact), load_tokenizer(artifact), card, facts)


def _parts(settings: MultiConfig) -> list[tuple[str, Any, HeadTask]]:
    """Name, section and task of each."""
    sections = {name: settings.part(name) for name in settings.parts}
    return [(name, section, head_task(section.choice)) for name, section in sections.items()]


TASK = Multi()
