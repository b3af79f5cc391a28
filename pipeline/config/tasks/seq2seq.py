"""Text to text."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, FieldName, Files, FinetuneConfig, FinetuneDataConfig
from pipeline.text.counts import counted


class Seq2SeqDataConfig(FinetuneDataConfig):
    """Pairs of a source and its targets as jsonl, json, csv, tsv or Parquet files, or as two files of plain text."""

    train_targets: Files = None
    """Files of plain text with the targets, where those of `train` are plain text, too: a line of the one belongs to
    the same line of the other. In the order of the files of `train`."""
    validation_targets: Files = None
    """Those of `validation`."""
    test_targets: Files = None
    """Those of `test`."""
    reference_fields: list[FieldName] = []
    """Further fields with targets besides `response_field`, as where several people have written a summary. A row need
    not have all of these fields: the first target that it has is trained on, and in the test split all are references.
    """
    prefix: str = ""
    """A text before each source, such as "translate English to German: "."""
    reverse_prefix: str | None = None
    """A text before each target, where pairs are to be learnt in both directions; it may be empty. The test split is
    read in one direction. None learns one direction."""

    def targets_of(self, split: str, name: str) -> str | None:
        """The file with the targets of a file of a split; None where that has its own."""
        targets: dict[str, float] | None = getattr(self, f"{split}_targets")
        return dict(zip(self.named[split], targets, strict=True))[name] if targets else None

    def file_problems(self) -> list[str]:
        found = super().file_problems()
        for split in ("train", "validation", "test"):
            targets: dict[str, float] | None = getattr(self, f"{split}_targets")
            if targets is None:
                continue
            if set(targets.values()) != {1}:
                found.append(f"the files of {split}_targets have weights; give them to those of {split}")
            if len(targets) != len(self.named.get(split, {})):
                found.append(
                    f"{split}_targets names {counted(len(targets), 'file')} and {split} "
                    f"{len(self.named.get(split, {}))}; "
                    "each file of sources needs one of targets"
                )
            if self.prompt_field is not None:
                found.append(
                    f"{split}_targets are files of plain text, without fields; leave prompt_field out"
                )
        if self.reference_fields and self.response_field is None:
            found.append("name prompt_field and response_field for the reference_fields, too")
        return found


class Seq2SeqConfig(FinetuneConfig):
    """Text to text, such as summaries or translations, by a decoder, which continues prompt_template, or by an
    encoder–decoder, which reads it."""

    implementation: ClassVar[str] = "train.finetuning.tasks.seq2seq"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")
    distills: ClassVar[bool] = True

    task: Literal["seq2seq"] = "seq2seq"
    """Text to text. The loss is on the target only."""
    data: Seq2SeqDataConfig = Seq2SeqDataConfig()
    prompt_template: str | None = None
    """The text that the target continues, with {source}; None takes "{source}\\n\\nTL;DR:". Of an encoder–decoder the
    text that the encoder reads, and None takes "{source}"."""

    def problems(self) -> list[str]:
        found = super().problems()
        if self.prompt_template is not None and self.prompt_template.count("{source}") != 1:
            found.append(
                f"finetune.prompt_template={self.prompt_template!r} must hold {{source}} exactly once"
            )
        return found
