"""Labels or a number for a text: a new output layer for the hidden state of one token, or the mean of all."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.config.models import ModelConfig
from pipeline.formats.rows import RowSource
from train.finetuning.augmented import check_augmentation
from train.finetuning.bases import check_body
from train.finetuning.data import Example, Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.head_task import HeadTask
from train.finetuning.label_rows import LabelledText, check_pairs, read_labelled
from train.finetuning.labels import find_labels, label_weights
from train.finetuning.matching import read_matching

if TYPE_CHECKING:
    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.classifier import Classifier
    from train.finetuning.label_training import LabelTraining
    from train.finetuning.trained_classifier import TrainedClassifier
    from train.models import Body


class Classify(HeadTask):
    """Labels are the texts that stand in the training examples, or what the settings call their numbers."""

    evaluation: ClassVar[str] = "eval.tasks.labels"

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        read = read_matching if settings.data.matching else read_labelled
        return list(read(path, settings.data, Counter() if unread is None else unread))

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        examples = cast(list[LabelledText], splits.train)
        labels = find_labels(examples, settings)
        targets = labels.targets(examples)
        labels.targets([*splits.validation, *splits.test])
        label_weights(labels, targets, settings)
        check_augmentation(settings.augmentation)
        check_pairs([*examples, *cast(list[LabelledText], [*splits.validation, *splits.test])])
        pairs = "pairs of texts, " if examples[0].second is not None else ""
        if labels.kind == "regression":
            return f"{pairs}numbers from {targets.min():g} to {targets.max():g}"
        several = "any number of the " if labels.kind == "multi" else ""
        return f"{pairs}{several}labels: {', '.join(labels.names)}"

    def check_base(self, model: ModelConfig, name: str) -> None:
        check_body(model, "finetune.task=classify", name)

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "LabelTraining":
        from train.finetuning.label_training import LabelTraining

        self.check_base(base.config, base.name)
        return LabelTraining(settings, base, splits)

    def model_on(self, body: "Body", description: Mapping[str, Any]) -> "Classifier":
        from train.finetuning.classifier import classifier_on

        return classifier_on(body, description)

    def load_model(self, artifact: Path, device: "str | torch.device" = "cpu") -> "Classifier":
        from train.finetuning.classifier import load_classifier

        return load_classifier(artifact, device)

    def trained_model(self, artifact: Path, facts: TaskFacts) -> "TrainedClassifier":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import classify_a_text
        from train.finetuning.artifact import read_test_rows
        from train.finetuning.text_ids import Frame
        from train.finetuning.trained_classifier import TrainedClassifier

        tokenizer = load_tokenizer(artifact)
        texts = ("A text to classify.", None)
        if "second" in next(iter(read_test_rows(artifact, 1)), {}):
            # Between two texts: what the tokenizer itself puts there, or, as in training, its eos.
            framed = Frame.of(tokenizer).before
            texts = ("A text.", "Another.") if framed else (f"A text.{tokenizer.eos_token}Another.", None)
        card = Card(
            "A language model fine-tuned to classify texts.",
            "lm-workflow",
            classify_a_text(*texts, facts.get("kind", "single")),
            pipeline_tag="text-classification",
            notes=(_note(facts),),
        )
        return TrainedClassifier(artifact, self.load_model(artifact), tokenizer, card, facts)


def _note(facts: TaskFacts) -> str:
    kind = facts.get("kind", "single")
    if kind == "regression":
        return "It gives a number, by the name of its one label."
    return f"Labels{', of which a text may have several' if kind == 'multi' else ''}: {', '.join(facts['labels'])}."


TASK = Classify()
