"""Arrow files, as `datasets.Dataset.save_to_disk` leaves them in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa

from data_prep.reading.row_text import title_and_text
from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.formats.source import Split

ENDINGS = (".arrow",)
ONE_DOCUMENT = False
COMPANIONS = ("dataset_info.json", "state.json", "dataset_dict.json")
"""What the library keeps beside them."""
_FILE_MARK = b"ARROW1"
"""With which Arrow's file format begins; the library writes its stream format."""


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Of each row, a batch in memory at a time."""
    number = 0
    try:
        for batch in _batches(path):
            names = [name for name in batch.schema.names if name in (corpus.text_field, "title")]
            if corpus.text_field not in names:
                raise UserError(
                    f"{path} has no column {corpus.text_field!r}; set corpus.text_field to one of "
                    f"{', '.join(batch.schema.names)}"
                )
            for row in batch.select(names).to_pylist():
                try:
                    yield title_and_text(row, corpus.text_field, "column")
                except UserError as error:
                    raise UserError(f"{path}, row {number}: {error}") from None
                number += 1
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path} is damaged or no Arrow file ({error}); get it again") from None


def split(path: Path) -> Split | None:
    """A folder of several splits has a folder for each, by its name."""
    name = path.parent.name
    several = (path.parent.parent / "dataset_dict.json").is_file()
    return cast(Split, name) if several and name in ("train", "validation", "test") else None


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as file:
        if file.read(len(_FILE_MARK)) == _FILE_MARK:
            reader = pa.ipc.open_file(file)
            yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            file.seek(0)
            yield from pa.ipc.open_stream(file)
