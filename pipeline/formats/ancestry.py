"""From which pretraining a model's weights descend, as far as the store still has it, for who tells of the model."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.formats.model_folder import MODEL_FOLDER
from pipeline.formats.training_artifact import ArtifactFolder, artifact_of
from pipeline.store.artifacts import MANIFEST, SPEC_FILE, read_json

STATS = "stats.json"
"""Of a clean artifact: what was read and kept, and of which sources."""


def pretraining_of(init: str | None) -> Path | None:
    """The artifact of the pretraining that was the last to train these weights.

    Args:
        init: a folder of an artifact, of a checkpoint or of transformers, or a name on the hub.

    Returns:
        None for weights of others, and where an artifact on the way is gone or not finished.
    """
    with suppress(UserError):
        artifact = _artifact(Path(init)) if init else None
        if artifact is None:
            return None
        spec = artifact.spec
        if spec.stage == "pretrain":
            manifest = read_json(artifact.folder / MANIFEST, artifact.folder, ("metrics",))
            trained = manifest["metrics"].get("steps") != 0
            return (
                artifact.folder
                if trained
                else pretraining_of((spec.config.get("pretrain") or {}).get("init"))
            )
        if before := (spec.config.get("finetune") or {}).get("init") if spec.stage == "finetune" else None:
            return pretraining_of(before)
        for stage in ("finetune", "pretrain"):
            if stage != spec.stage and stage in spec.input_fingerprints:
                return pretraining_of(str(artifact.input(stage)))
    return None


def corpus_of(pretraining: Path) -> dict[str, Any] | None:
    """The statistics of the corpus that a pretraining has read; None where they are gone."""
    with suppress(UserError):
        clean = ArtifactFolder(ArtifactFolder(pretraining).input("shards")).input("clean")
        found: dict[str, Any] = read_json(clean / STATS, clean, ("sources",))
        return found
    return None


def _artifact(folder: Path) -> ArtifactFolder | None:
    """Which these weights are of; of the folder of an export, the export."""
    folder = folder.resolve()
    if folder.name == MODEL_FOLDER and (folder.parent / SPEC_FILE).is_file():
        return ArtifactFolder(folder.parent)
    return artifact_of(folder) if folder.is_dir() else None
