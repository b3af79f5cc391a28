"""What the tests of the clean stage share: a corpus as the download stage leaves it, and a run over it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from data_prep.clean import DOCUMENTS_FOLDER, STATS_FILE
from pipeline.config.benchmarks import BenchmarkItems
from pipeline.config.clean import CleanConfig
from pipeline.config.filters import FilterConfig
from pipeline.config.stages import CleanStage
from pipeline.context import Context
from pipeline.formats.documents import SPLITS, Document, read_documents
from pipeline.formats.source import Source, describe_file
from pipeline.launch.stage_code import run_stage
from pipeline.stages import STAGES

PROSE = (
    "The harbour was quiet when the first boats came in. Nobody had slept much, and the nets were still wet "
    "from the night before, but the catch was good, the market would open soon, and the children were "
    "already waiting on the pier to count the baskets."
)
NO_FILTERS = FilterConfig(
    **{
        name: None
        for name, field in FilterConfig.model_fields.items()
        if NoneType in get_args(field.annotation)
    }
)


@dataclass(frozen=True)
class Cleaned:
    """The stage's output."""

    folder: Path
    metrics: dict[str, Any]

    @property
    def stats(self) -> dict[str, Any]:
        return json.loads((self.folder / STATS_FILE).read_text(encoding="utf-8"))

    def split(self, name: str) -> list[Document]:
        return list(read_documents(self.folder / DOCUMENTS_FOLDER, name))

    @property
    def documents(self) -> list[Document]:
        return [document for name in SPLITS for document in self.split(name)]

    @property
    def reasons(self) -> dict[str, int]:
        return {reason: counts["documents"] for reason, counts in self.stats["dropped"].items()}

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / DOCUMENTS_FOLDER).iterdir()}


def clean_corpus(
    make_context: Callable[..., Context],
    folder: Path,
    file_format: str,
    files: dict[str, str | None] | list[Path],
    source: dict[str, Any] | None = None,
    evaluation_files: Sequence[str] = (),
    split_documents: bool = True,
    benchmarks: Sequence[BenchmarkItems] = (),
    **config: Any,
) -> Cleaned:
    """Clean `files` (paths, with the corpus's own split of each) in `folder`, with one worker unless told."""
    splits = files if isinstance(files, dict) else dict.fromkeys(map(str, files))
    download = folder / "download"
    download.mkdir(parents=True, exist_ok=True)
    described = tuple(
        replace(describe_file(Path(path), download, split), split_documents=split_documents)
        for path, split in splits.items()
    )
    Source(file_format, "corpus", described, **(source or {})).save(download)
    context = make_context(folder / "clean", download=download)
    stage = CleanStage(
        clean=CleanConfig(**{"workers": 1, **config}),
        evaluation_files=list(evaluation_files),
        compared_benchmarks=list(benchmarks),
    )
    return Cleaned(context.folder, run_stage(STAGES["clean"], stage, context))
