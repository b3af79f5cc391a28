"""How two parts of a text relate: markers around both, and a label for the text."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.models import ModelConfig
from pipeline.formats.rows import RowSource
from train.finetuning.bases import check_body
from train.finetuning.data import Example, Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.head_task import HeadTask
from train.finetuning.labels import LabelSet, label_names
from train.finetuning.relations.rows import read_relations

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.head import ModelWithHead
    from train.finetuning.relations.training import RelationTraining
    from train.finetuning.trained_with_head import TrainedWithHead
    from train.models import Body


class Relate(HeadTask):
    """Relations are the labels that stand in the training examples; one of them may be that there is none."""

    evaluation: ClassVar[str] = "eval.tasks.relations"

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        return list(read_relations(path, settings.data, Counter() if unread is None else unread))

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        labels = label_names(splits.train)
        LabelSet("single", labels).targets([*splits.validation, *splits.test])
        there = (
            ""
            if settings.no_relation in labels
            else f" (none of them is finetune.no_relation={settings.no_relation})"
        )
        return f"relations: {', '.join(labels)}{there}"

    def check_base(self, model: ModelConfig, name: str) -> None:
        check_body(model, "finetune.task=relate", name)

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "RelationTraining":
        from train.finetuning.relations.training import RelationTraining

        self.check_base(base.config, base.name)
        return RelationTraining(settings, base, splits)

    def model_on(self, body: "Body", description: Mapping[str, Any]) -> "ModelWithHead":
        from train.finetuning.relations.loading import related_on

        return related_on(body, description)

    def load_model(self, artifact: "Path", device: "str | torch.device" = "cpu") -> "ModelWithHead":
        from train.finetuning.relations.loading import load_related

        return load_related(artifact, device)

    def trained_model(self, artifact: "Path", facts: TaskFacts) -> "TrainedWithHead":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import classify_a_text, load_related
        from train.finetuning.relations.markers import MARKERS
        from train.finetuning.relations.trained_marked import TrainedMarked
        from train.finetuning.trained_classifier import TrainedClassifier

        card = Card(
            "A language model fine-tuned to tell how two parts of a text relate.",
            "lm-workflow",
            classify_a_text("[E1]Ada Lovelace[/E1] lived in [E2]London[/E2]."),
            pipeline_tag="text-classification",
            own_usage=load_related,
            notes=(
                f"Relations: {', '.join(facts['labels'])}. The two parts stand between {' '.join(MARKERS)}.",
            ),
        )
        trained = TrainedMarked if facts.get("pooling") == "markers" else TrainedClassifier
        return trained(artifact, self.load_model(artifact), load_tokenizer(artifact), card, facts)


TASK = Relate()
