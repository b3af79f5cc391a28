"""How two parts of a text relate."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, FieldName, FinetuneDataConfig, HeadTaskConfig
from pipeline.config.tasks.classify import Pooling


class RelateDataConfig(FinetuneDataConfig):
    """Texts with two spans and their relation, as jsonl, json or Parquet files; also as TACRED has them (`token`,
    `subj_start`, `subj_end`, `obj_start`, `obj_end`), or with `<e1>` and `<e2>` in the text."""

    prompt_field: FieldName | None = None
    """Field of the text or of the list of words; None looks for text, sentence, tokens and token."""
    head_field: FieldName = "head"
    """Field of the first span: an object with `start` and `end`, or a pair of numbers; in characters of a text, in
    words of a list, the end not included."""
    tail_field: FieldName = "tail"
    """Field of the second span."""
    response_field: FieldName | None = None
    """Field of the relation; None looks for relation and label."""

    def problems(self) -> list[str]:
        return self.file_problems()


class RelateConfig(HeadTaskConfig):
    """The relation between two parts of a text, which are marked by tokens of their own."""

    implementation: ClassVar[str] = "train.finetuning.tasks.relate"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["relate"] = "relate"
    """The relation between two marked parts of a text."""
    data: RelateDataConfig = RelateDataConfig()
    no_relation: str = "no_relation"
    """The label of two parts that do not relate, which the scores do not count as found."""
    pooling: Pooling | Literal["markers"] | None = None
    """Which hidden states the relation is made from: as of `finetune.task=classify`, or `markers`: those at the markers
    of both parts, side by side (Baldini Soares et al., 2019); at the ones that open them, and where a model reads from
    left to right at the ones that close them, which have seen the parts."""
