"""What the stage does."""

import os

from my_lab.longest import LongestStage

from pipeline.context import Context
from pipeline.formats.documents import read_texts
from pipeline.store.manifest import StageMetrics


def run(config: LongestStage, context: Context) -> StageMetrics:
    texts = sorted(read_texts(context.inputs["clean"] / "documents", "train"), key=len, reverse=True)
    kept = texts[: config.longest.documents]
    (context.folder / "longest.txt").write_text("\n\n".join(kept), encoding="utf-8")
    return {"documents": len(kept), "characters": len(kept[0]), "niceness": os.nice(0)}
