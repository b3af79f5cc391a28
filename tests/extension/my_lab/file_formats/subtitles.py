"""Subtitles of films: what is said in a file is one document."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".srt",)
ONE_DOCUMENT = True


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    spoken = [line for line in lines if line and not line.isdigit() and "-->" not in line]
    yield path.stem, "\n".join(spoken)
