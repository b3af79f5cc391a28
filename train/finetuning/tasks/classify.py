"""One label per text: a new output layer for the hidden state of one token, or the mean of all."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.models import ModelConfig
from train.finetuning.bases import check_body
from train.finetuning.data import LABEL_FIELDS, Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.labels import label_ids, label_names
from train.finetuning.task import FinetuningTask

if TYPE_CHECKING:
    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.classifier import Classifier
    from train.finetuning.label_training import LabelTraining
    from train.finetuning.trained_classifier import TrainedClassifier


class Classify(FinetuningTask):
    """Labels are the texts that stand in the training examples."""

    field_pairs: ClassVar[tuple[tuple[str, str], ...]] = LABEL_FIELDS
    scores_text: ClassVar[bool] = False
    evaluation: ClassVar[str] = "eval.tasks.labels"

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        labels = label_names(splits.train)
        label_ids([*splits.validation, *splits.test], labels)
        return f"labels: {', '.join(labels)}"

    def check_base(self, model: ModelConfig, name: str) -> None:
        check_body(model, "finetune.task=classify", name)

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "LabelTraining":
        from train.finetuning.label_training import LabelTraining

        self.check_base(base.config, base.name)
        return LabelTraining(settings, base, splits)

    def load_model(self, artifact: Path, device: "str | torch.device" = "cpu") -> "Classifier":
        from train.finetuning.classifier import load_classifier

        return load_classifier(artifact, device)

    def trained_model(self, artifact: Path, facts: TaskFacts) -> "TrainedClassifier":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import classify_a_text
        from train.finetuning.trained_classifier import TrainedClassifier

        card = Card(
            "A language model fine-tuned to classify texts.",
            "lm-workflow",
            classify_a_text,
            pipeline_tag="text-classification",
            notes=(f"Labels: {', '.join(facts['labels'])}.",),
        )
        return TrainedClassifier(artifact, self.load_model(artifact), load_tokenizer(artifact), card, facts)


TASK = Classify()
