"""What of a corpus the report tells beside its funnel: texts that were planted."""

from pathlib import Path
from typing import Any

from pipeline.store.artifacts import read_json


def read_planted(clean: Path | None) -> dict[str, Any]:
    """What `stats.json` says of canaries; empty where none were planted."""
    path = clean / "stats.json" if clean else None
    return (read_json(path, path.parent).get("canaries") or {}) if path and path.is_file() else {}
