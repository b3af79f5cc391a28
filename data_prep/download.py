"""The download stage: puts the corpus's files, or a record of local ones, into the artifact."""

import importlib
from typing import Any

import pyarrow.parquet as pq

from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.source import Source, total_bytes


def run(config: DownloadStage, context: Context) -> dict[str, Any]:
    """Fetch `config.corpus` into `context.folder` and describe it in `source.json`.

    Returns:
        `megabytes` (10^6 bytes as stored), `files`, `format`, and `documents` where the format counts them.

    Raises:
        UserError: where the corpus is missing, damaged, empty or out of reach. What was downloaded is kept.
    """
    # Each module has `fetch(corpus, context) -> Source`; only the chosen one's libraries are imported.
    module = importlib.import_module(f"data_prep.sources.{config.corpus.kind}")
    source: Source = module.fetch(config.corpus, context)
    source.save(context.folder)
    metrics = {
        "megabytes": total_bytes(source.files) / 1e6,
        "files": len(source.files),
        "format": source.format,
    }
    if source.format in ("documents", "parquet"):
        paths = [source.locate(file, context.folder) for file in source.files]
        metrics["documents"] = sum(pq.read_metadata(path).num_rows for path in paths)
    return metrics
