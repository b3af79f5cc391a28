"""Fixtures of the data preparation tests."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data_prep import download
from data_prep.cleaning.document_processor import DocumentProcessor
from data_prep.mediawiki.dump import MAX_PAGE
from data_prep.reading.pieces import plan_pieces
from data_prep.reading.readers import CorpusReader, Record
from pipeline.config.clean import CleanConfig
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.formats.source import Source, describe_file
from tests.data_prep import cleaning


@pytest.fixture
def clean_corpus(make_context: Callable[..., Context]) -> Callable[..., cleaning.Cleaned]:
    """Run the clean stage over files: see `cleaning.clean_corpus`."""
    return partial(cleaning.clean_corpus, make_context)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file into the test's folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture(scope="session")
def wiki_articles(shared_data: Callable[[str], Path]) -> Callable[[str], list[tuple[str, str]]]:
    """Titles and unfiltered texts of the articles of a real dump."""

    def read(name: str) -> list[tuple[str, str]]:
        folder = shared_data("wikidump")
        source = Source("mediawiki", "dump", (describe_file(folder / name, folder),))
        config = CleanConfig(filters=cleaning.NO_FILTERS)
        processor = DocumentProcessor(config, source.format, None, (), "off", None)
        (piece,) = plan_pieces({"": (source, folder)}, source.files[0].bytes)
        records = CorpusReader(source, folder, MAX_PAGE).read_piece(piece, lambda *damage: None)
        found = [candidate for record in records if (candidate := processor.process(record).candidate)]
        return [(candidate.document.title, candidate.document.text) for candidate in found]

    return read


@pytest.fixture
def download_files(make_context: Callable[..., Context], tmp_path: Path) -> Callable[..., Source]:
    """Run the download stage over files; returns its source.json."""

    def run_stage(*paths: Path, **settings: Any) -> Source:
        folder = tmp_path / "artifact"
        corpus = FilesCorpus(paths=[str(path) for path in paths], **settings)
        download.run(DownloadStage(corpus=corpus), make_context(folder))
        return Source.load(folder)

    return run_stage


@pytest.fixture
def records(download_files: Callable[..., Source], tmp_path: Path) -> Callable[..., list[Record]]:
    """Download files, and read them as the clean stage does."""

    def read(*paths: Path, **settings: Any) -> list[Record]:
        source, folder = download_files(*paths, **settings), tmp_path / "artifact"
        reader = CorpusReader(source, folder, max_page=1 << 20)
        pieces = plan_pieces({"": (source, folder)}, 1 << 20)
        return [record for piece in pieces for record in reader.read_piece(piece, lambda *damage: None)]

    return read
