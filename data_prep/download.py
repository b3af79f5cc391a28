"""The download stage: puts the corpus's files, or a record of local ones, into the artifact."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.config.data import MixtureCorpus, PartConfig
from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.formats.parquet_files import read_metadata
from pipeline.formats.source import PARTS_FOLDER, Source, total_bytes


def run(config: DownloadStage, context: Context) -> dict[str, Any]:
    """Fetch `config.corpus` into `context.folder` and describe it in `source.json`; of a mixture each part, below
    `parts/<name>/`.

    Returns:
        `megabytes` (10^6 bytes as stored), `files`, `format`, and `documents` where the formats count them.

    Raises:
        UserError: where the corpus is missing, damaged, empty or out of reach. What was downloaded is kept.
    """
    corpus = config.corpus
    if not isinstance(corpus, MixtureCorpus):
        return _metrics({"": (_fetch(corpus, context), context.folder)})
    parts = {}
    for name, part in corpus.parts.items():
        folder = context.folder / PARTS_FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        context.log.info("%s:", name)
        parts[name] = _fetch(part, replace(context, folder=folder)), folder
    return _metrics(parts)


def _fetch(corpus: PartConfig, context: Context) -> Source:
    # Each module has `fetch(corpus, context) -> Source`; only the chosen one's libraries are imported.
    module = importlib.import_module(f"data_prep.sources.{corpus.kind}")
    source: Source = module.fetch(corpus, context)
    source.save(context.folder)
    return source


def _metrics(parts: dict[str, tuple[Source, Path]]) -> dict[str, Any]:
    sources = [source for source, _ in parts.values()]
    metrics = {
        "megabytes": sum(total_bytes(source.files) for source in sources) / 1e6,
        "files": sum(len(source.files) for source in sources),
        "format": ", ".join(dict.fromkeys(source.format for source in sources)),
    }
    if all(source.format in ("documents", "parquet") for source in sources):
        paths = [source.locate(file, folder) for source, folder in parts.values() for file in source.files]
        metrics["documents"] = sum(read_metadata(path).num_rows for path in paths)
    return metrics
