"""Any data set of the Hugging Face hub, or a local folder of one, as documents."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.corpora.hub import HubCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.hub import is_local, load_split
from pipeline.formats.rows import Fields
from pipeline.formats.source import Source, SourceFile, describe_file

if TYPE_CHECKING:
    import datasets

DOCUMENTS = "documents"
SHARD_MB = 256


def fetch(corpus: HubCorpus, context: Context) -> Source:
    """Write the text column of every split as documents.

    Raises:
        UserError: where the data set, its configuration, a split or the column does not exist, the hub cannot
            be reached, or there is no text at all.
    """
    folder = context.folder / DOCUMENTS
    shutil.rmtree(
        folder, ignore_errors=True
    )  # a killed attempt may have left more files than this one writes
    files: list[SourceFile] = []
    rows = None
    for ours, theirs in corpus.splits.items():
        rows = load_split(
            corpus.path,
            corpus.name,
            theirs,
            corpus.revision,
            corpus.streaming,
            hint="a folder as corpus.path",
        )
        # A lone split has no counterpart: the clean stage then makes the others.
        split = ours if len(corpus.splits) > 1 else None
        name = split or "all"
        with DocumentWriter(folder, name, SHARD_MB) as writer:
            _write(rows, corpus, theirs, writer, context)
        files.extend(describe_file(path, context.folder, split) for path in document_files(folder, name))
    if not files:
        raise UserError(f"empty corpus: {corpus.path} has no text in {corpus.text_field!r}")
    assert rows is not None  # what the files are made of
    return Source(
        format="documents",
        name=Path(corpus.path).name,
        files=tuple(files),
        license=rows.info.license or None,
        attribution=(rows.info.citation or "").strip() or None,
        url=rows.info.homepage
        or (None if is_local(corpus.path) else f"https://huggingface.co/datasets/{corpus.path}"),
        date=corpus.revision,
    )


def _write(
    rows: "datasets.Dataset | datasets.IterableDataset",
    corpus: HubCorpus,
    split: str,
    writer: DocumentWriter,
    context: Context,
) -> None:
    total = rows.info.splits[split].num_examples if rows.info.splits and split in rows.info.splits else None
    with context.progress(f"{corpus.path} {split}", total, "rows") as bar:
        for index, row in enumerate(rows):
            assert isinstance(row, dict)  # as long as no format is set
            bar.advance()
            if text := _text(row, corpus):
                title = row.get("title")
                writer.write(
                    Document(
                        id=f"{split}/{index}",
                        text=text,
                        title=title if isinstance(title, str) else "",
                        source=corpus.path,
                    )
                )


def _text(row: Fields, corpus: HubCorpus) -> str | None:
    if corpus.text_field not in row:
        raise UserError(
            f"{corpus.path} has no column {corpus.text_field!r}; corpus.text_field may be {', '.join(row)}"
        )
    text = row[corpus.text_field]
    if text is not None and not isinstance(text, str):
        raise UserError(
            f"{corpus.path}: column {corpus.text_field!r} holds {type(text).__name__}, not text; "
            "set corpus.text_field"
        )
    return text
