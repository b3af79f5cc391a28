"""What is there of a plan before it runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.config.base import HORIZON, NEUTRAL
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.formats.folders import expand_paths, refuse_absent
from pipeline.remote.listing import ARTIFACT_SCHEME, is_remote
from pipeline.stages import STAGES
from pipeline.store.artifacts import HASHES, PARTIAL, SPEC_FILE, Store
from pipeline.store.written_spec import WrittenSpec


class NotYet(Exception):
    """Somebody needs what is not there yet; the text says what."""


class Warned(str):
    """What a check found that is no mistake, but better looked at before the start."""


class Known:
    """What is there of a plan: its finished artifacts, and files on this machine."""

    def __init__(self, store: Store, fingerprints: Mapping[str, str]):
        """Args: fingerprints: of the plan's artifacts, by stage."""
        self._store, self._fingerprints = store, fingerprints

    def folder(self, stage: str) -> Path:
        """The stage's finished artifact.

        Raises:
            NotYet: where it is still to be built.
        """
        artifact = self._store.find(stage, self._fingerprints[stage])
        if artifact is None:
            raise NotYet(f"when {stage} is built")
        return artifact.folder

    def kin(self, root: RootConfig, stage: str) -> Iterator[tuple[Path, WrittenSpec]]:
        """Folders of the stage, finished or not, of runs that differ from this one only in how far they go."""
        row = STAGES[stage]
        inputs = {name: self._fingerprints[name] for name in row.inputs_for(root)}
        facts = (row.name, row.version, row.config_from(root), inputs, FileHashes(self._store.root / HASHES))
        own, trunk = fingerprint(*facts), fingerprint(*facts, leave_out=(NEUTRAL, HORIZON))
        for path in sorted((self._store.root / stage).glob(f"*/{SPEC_FILE}")):
            try:
                spec = WrittenSpec.read(path.parent)
            except (OSError, ValueError):
                continue  # damaged, or gone since its run ended in this moment
            if spec.trunk == trunk and not path.parent.name.removesuffix(PARTIAL).endswith(own):
                yield path.parent, spec

    def locate(self, path: str) -> Path:
        """A file or folder of the configuration, as `Context.locate` finds it for the stage itself.

        Raises:
            NotYet: where it lies in an artifact that is still to be built, or in a store, which only the stage asks.
            UserError: where it does not exist.
        """
        if is_remote(path):
            raise NotYet(f"in the stage itself: {path} is not on this machine")
        if not path.startswith(ARTIFACT_SCHEME):
            located = Path(path).expanduser()
        else:
            stage, _, inside = path.removeprefix(ARTIFACT_SCHEME).partition("/")
            if stage not in self._fingerprints:
                raise UserError(f"{path!r}: no stage {stage!r} comes before this one")
            located = self.folder(stage) / inside
        refuse_absent(path, located)
        return located

    def locate_files(self, paths: list[str]) -> Iterator[Path]:
        """The files that paths, folders and globs name, as `Context.locate_files`."""
        for path in paths:
            if is_remote(path) or path.startswith(ARTIFACT_SCHEME):
                yield self.locate(path)
            else:
                yield from expand_paths([path])
