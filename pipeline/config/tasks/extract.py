"""The part of a text that answers a question."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.tasks.base import Batching, FieldName, FinetuneDataConfig, HeadTaskConfig


class ExtractDataConfig(FinetuneDataConfig):
    """Questions about texts, as SQuAD's json (1.1 or 2.0) as it is published, or as jsonl, json, csv, tsv or Parquet
    files with a question, a context and its answers in each row."""

    prompt_field: FieldName | None = None
    """Field of the question in a row; None is `question`."""
    context_field: FieldName = "context"
    """Field of the text that holds the answer."""
    response_field: FieldName | None = None
    """Field of the answers: an object of lists `text` and `answer_start`, a list of objects with both, or texts alone.
    None looks for answers and answer."""

    def problems(self) -> list[str]:
        return self.file_problems()


class ExtractConfig(HeadTaskConfig):
    """The part of a text that answers a question (Rajpurkar et al., 2016)."""

    implementation: ClassVar[str] = "train.finetuning.tasks.extract"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["extract"] = "extract"
    """The part of a text that answers a question, or none."""
    data: ExtractDataConfig = ExtractDataConfig()
    stride: PositiveInt = 128
    """Tokens that two windows share of a text that is longer than `max_length`; a half of a window at most."""
    max_answer: PositiveInt = 30
    """Longest answer that is given, in tokens."""
    no_answer_threshold: float = 0.0
    """By how much the score of no answer must be above that of the best one for none to be given, where the training
    examples have questions without an answer (SQuAD 2.0). Evaluation tells the threshold that would have been best."""
