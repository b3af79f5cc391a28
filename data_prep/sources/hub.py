"""Any data set of the Hugging Face hub, or a local folder of one, as documents."""

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.corpora.hub import HubCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import Source, SourceFile, describe_file
from pipeline.progress import progress

if TYPE_CHECKING:
    import datasets

DOCUMENTS = "documents"
SHARD_MB = 256
LONGEST_REASON = 300
"""Characters quoted of an error of `datasets`."""
SAVED_MARKS = ("dataset_dict.json", "state.json")
"""What `Dataset.save_to_disk` leaves in a folder, which `load_dataset` does not read."""


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
        or (None if _is_local(corpus.path) else f"https://huggingface.co/datasets/{corpus.path}"),
        date=corpus.revision,
    )


def load_split(
    path: str,
    name: str | None,
    split: str,
    revision: str | None = None,
    streaming: bool = False,
    hint: str = "",
) -> "datasets.Dataset | datasets.IterableDataset":
    """One split through `datasets`, never running code of the data set's.

    Args:
        hint: the setting by which the user can do without the hub, for the error's text.

    Raises:
        UserError: where it cannot be loaded.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        if _is_local(path) and any((Path(path).expanduser() / mark).is_file() for mark in SAVED_MARKS):
            return _saved_split(path, split)
        return datasets.load_dataset(path, name, split=split, revision=revision, streaming=streaming)
    except ConnectionError as error:
        raise UserError(
            f"{path} cannot be loaded: the Hugging Face hub is out of reach ({_reason(error)}). "
            f"Connect this machine, or download the data set elsewhere and give {hint}"
        ) from None
    except (DatasetsError, ValueError, OSError, RuntimeError) as error:
        # These are all that load_dataset raises for a wrong name, configuration, split, revision or file.
        raise UserError(
            f"{path} ({name or 'default'} configuration, {split}) cannot be loaded: {_reason(error)}"
        ) from None


def _saved_split(path: str, split: str) -> "datasets.Dataset":
    import datasets

    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.Dataset):
        own = str(saved.split or "train")
        if split not in (own, "train"):
            raise ValueError(f"no such split; it has {own}")
        return saved
    if split not in saved:
        raise ValueError(f"no such split; it has {', '.join(map(str, saved))}")
    return saved[split]


def _write(
    rows: "datasets.Dataset | datasets.IterableDataset",
    corpus: HubCorpus,
    split: str,
    writer: DocumentWriter,
    context: Context,
) -> None:
    total = rows.info.splits[split].num_examples if rows.info.splits and split in rows.info.splits else None
    with progress(f"{corpus.path} {split}", total, "rows", enabled=context.run.progress) as bar:
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


def _text(row: dict[str, Any], corpus: HubCorpus) -> str | None:
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


def _is_local(path: str) -> bool:
    return Path(path).expanduser().is_dir()


def _reason(error: BaseException) -> str:
    """What went wrong, on one line; what lies behind it where `datasets` only says that something did."""
    text = " ".join(str(error).split()).removeprefix("An error occurred while generating the dataset").strip()
    if not text and error.__cause__ is not None:
        return _reason(error.__cause__)
    return textwrap.shorten(text, LONGEST_REASON) or type(error).__name__
