"""Labels or a number for a text, or for two."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.augmentation import AugmentationConfig
from pipeline.config.tasks.base import Batching, FieldName, FinetuneDataConfig, HeadTaskConfig

Pooling = Literal["first", "last", "mean"]
LabelKind = Literal["single", "multi", "regression"]


class ClassifyDataConfig(FinetuneDataConfig):
    """Texts, or pairs of them, with labels or numbers, as jsonl, json, csv, tsv or Parquet files."""

    prompt_field: FieldName | None = None
    """Field of the text, or of the first of two; a list of texts is joined by spaces. None looks for text and sentence,
    and for pairs: sentence1/sentence2, premise/hypothesis, question1/question2, question/sentence, text1/text2."""
    second_field: FieldName | None = None
    """Field of the second text of a pair, such as a hypothesis."""
    response_field: FieldName | None = None
    """Field of the label, the list of labels or the number; None looks for label, labels and score."""
    label_separator: str | None = None
    """What stands between the labels of a text, where a field of a table holds several, such as `|`."""

    matching: bool = False
    """The rows have no labels: `prompt_field` and `second_field` belong together, as a text and its translation or its
    summary do. A half of them, drawn by a hash, get the second text of another row, and the labels are `match` and
    `other`. Of a list of second texts the first is taken."""

    def problems(self) -> list[str]:
        if self.matching:
            found = self.file_problems()
            if self.prompt_field is None or self.second_field is None or self.response_field is not None:
                found.append(
                    "finetune.data.matching makes the labels: name prompt_field and second_field, texts that belong "
                    "together, and no response_field"
                )
            return found
        found = super().problems()
        if self.second_field is not None and self.prompt_field is None:
            found.append("name finetune.data.prompt_field for the first text beside second_field")
        return found


class ClassifyConfig(HeadTaskConfig):
    """Labels or a number for each text or pair of texts."""

    implementation: ClassVar[str] = "train.finetuning.tasks.classify"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["classify"] = "classify"
    """One label or several per text or pair of texts, or a number."""
    data: ClassifyDataConfig = ClassifyDataConfig()
    kind: LabelKind | None = None
    """`single`: a text has one of the labels; `multi`: any number of them, each by itself (binary cross-entropy);
    `regression`: a number (mean squared error). None goes by the training split: lists of labels are `multi`, numbers
    that are not all whole `regression`."""
    label_names: list[str] | None = None
    """Names of the labels, in order, where the data has their numbers, counted from 0. None takes the labels as they
    stand in the training split."""
    class_weights: Literal["balanced"] | dict[str, PositiveFloat] | None = None
    """How much a label counts in the loss: `balanced` is the inverse of its frequency, or a weight for each by name.
    The mean over the training examples is one. Of several labels it weighs a text's having the label."""
    augmentation: AugmentationConfig = AugmentationConfig()
    pooling: Pooling | None = None
    """Which hidden states the label is made from: those of the `first` token ([CLS], where the tokenizer has one) or of
    the `last`, or the `mean` of all. None takes the last where a model reads from left to right, the first where it
    reads both sides, and the mean where it is an encoder and decoder."""

    def problems(self) -> list[str]:
        found = super().problems()
        if self.kind == "regression" and (self.label_names or self.class_weights):
            found.append("finetune.kind=regression has no labels; leave out label_names and class_weights")
        if self.label_names is not None and len(set(self.label_names)) < max(2, len(self.label_names)):
            found.append("finetune.label_names must be two or more, each another")
        return found
