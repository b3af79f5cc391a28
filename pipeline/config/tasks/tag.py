"""A tag for each word."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.tasks.base import Batching, FieldName, FinetuneDataConfig, HeadTaskConfig


class TagDataConfig(FinetuneDataConfig):
    """Sentences whose words have tags: files in CoNLL columns (conll, conllu, bio, iob, tsv, txt), or jsonl, json and
    Parquet files with lists of words and tags, or with texts and the spans of their entities."""

    prompt_field: FieldName | None = None
    """Field of the list of words, or of the text whose entities are given as spans; None looks for tokens/tags,
    tokens/ner_tags, words/tags and text/entities."""
    response_field: FieldName | None = None
    """Field of the list of tags, or of the entities: objects with start, end and label, in characters of the text."""
    word_column: PositiveInt | None = None
    """Column of the word in a file of CoNLL columns, from 1; None is the first, in CoNLL-U the second."""
    tag_column: PositiveInt | None = None
    """Column of the tag in such a file; None is the last, in CoNLL-U the fourth (UPOS)."""


class TagConfig(HeadTaskConfig):
    """A tag for each word, such as its part of speech or the entity that it belongs to."""

    implementation: ClassVar[str] = "train.finetuning.tasks.tag"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["tag"] = "tag"
    """A tag for each word: named entities, parts of speech."""
    data: TagDataConfig = TagDataConfig()
    scheme: Literal["bio", "bioes", "io", "plain"] | None = None
    """How tags mark entities. `bio`: B- begins one, I- goes on (also where B- stands only between two that touch);
    `bioes`: E- ends one and S- is one word alone; `io`: I-, or the type alone, for each of its words; `plain`: the
    tags mark no entities, as parts of speech. None goes by the tags of the training split."""
    strict: bool = False
    """Refuse sequences of tags that break the scheme, such as an I- that follows no entity of its type. Else they are
    read as conlleval reads them, and how many there are is told."""
