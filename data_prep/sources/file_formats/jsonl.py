"""JSON lines: an object on each."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.formats.compressed import DAMAGE, cut_or_damaged, open_content
from pipeline.formats.encodings import refuse_other_encodings
from pipeline.formats.source import Source
from pipeline.text.json_faults import json_fault

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
ONE_DOCUMENT = False


def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
    """The source as it is, when the first record of each file has the text."""
    refuse_other_encodings(*paths)
    for path in paths:
        _check(path, corpus.text_field)
    return source


def _check(path: Path, text_field: str) -> None:
    """Look at the first record, so that a wrong key is found here and not after hours of reading."""
    try:
        with open_content(path) as file:
            line = next((line for line in file if line.strip()), b"")
        record = json.loads(line)
    except DAMAGE as error:
        raise cut_or_damaged(path, error) from None
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(
            f"{path}: its first line is no JSON ({json_fault(error)}); each must hold one object"
        ) from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: its first line is no JSON object; each must hold one")
    if text_field not in record:
        raise UserError(
            f"{path} has no key {text_field!r}; set corpus.text_field to one of {', '.join(record)}"
        )
