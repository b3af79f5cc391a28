"""The download stage: puts the corpus's files, or a record of local ones, into the artifact."""

from dataclasses import replace
from pathlib import Path

from data_prep.sources import source_module
from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.formats.parquet_files import read_metadata
from pipeline.formats.source import PARTS_FOLDER, Source, total_bytes
from pipeline.store.manifest import StageMetrics


def run(config: DownloadStage, context: Context) -> StageMetrics:
    """Fetch `config.corpus` into `context.folder` and describe it in `source.json`; of a mixture each part, below
    `parts/<name>/`.

    Returns:
        `megabytes` (10^6 bytes as stored), `files`, `format`, and `documents` where the formats count them.

    Raises:
        UserError: where the corpus is missing, damaged, empty or out of reach. What was downloaded is kept.
    """
    parts = {}
    for name, corpus in config.corpus.by_part.items():
        folder = context.folder / PARTS_FOLDER / name if name else context.folder
        folder.mkdir(parents=True, exist_ok=True)
        if name:
            context.log.info("%s:", name)
        source = source_module(corpus).fetch(corpus, replace(context, folder=folder))
        source.save(folder)
        parts[name] = source, folder
    return _metrics(parts)


def _metrics(parts: dict[str, tuple[Source, Path]]) -> StageMetrics:
    sources = [source for source, _ in parts.values()]
    metrics: dict[str, float | str] = {
        "megabytes": sum(total_bytes(source.files) for source in sources) / 1e6,
        "files": sum(len(source.files) for source in sources),
        "format": ", ".join(dict.fromkeys(source.format for source in sources)),
    }
    if all(source.format in ("documents", "parquet") for source in sources):
        paths = [source.locate(file, folder) for source, folder in parts.values() for file in source.files]
        metrics["documents"] = sum(read_metadata(path).num_rows for path in paths)
    return metrics
