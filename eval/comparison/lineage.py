"""Which artifacts go with a run's evaluation.

A later start of the run that ended before evaluate links newer artifacts of earlier stages beside it, and those are
not what was measured.
"""

from pathlib import Path

from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.stages import STAGES
from pipeline.store.artifacts import Store


def artifacts_with(evaluate: Path, run: Path) -> dict[str, Path]:
    """Folders by stage: what an artifact of evaluate was made from, at any remove, and what else the run made of that.

    An artifact that is gone from the store is left out.
    """
    folders = {"evaluate": evaluate}
    fingerprints = {"evaluate": ArtifactFolder(evaluate).spec.fingerprint}
    store = Store(evaluate.parents[1])
    unread = [evaluate]
    while unread:
        for stage, fingerprint in ArtifactFolder(unread.pop()).spec.input_fingerprints.items():
            if stage in fingerprints:
                continue
            fingerprints[stage] = fingerprint
            if found := store.find(stage, fingerprint):
                folders[stage] = found.folder
                unread.append(found.folder)
    for stage in STAGES:
        if stage in fingerprints or not (run / stage).is_dir():
            continue
        folder = (run / stage).resolve()
        spec = ArtifactFolder(folder).spec
        shared = spec.input_fingerprints.keys() & fingerprints.keys()
        if shared and all(spec.input_fingerprints[other] == fingerprints[other] for other in shared):
            folders[stage], fingerprints[stage] = folder, spec.fingerprint
    return {stage: folders[stage] for stage in STAGES if stage in folders}
