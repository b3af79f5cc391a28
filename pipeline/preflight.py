"""Preflight checks: what the stages of a plan will need, looked at before a training starts and not after it.

A stage's row in `pipeline.stages` names its checks as `module:function`. Such a function, `check(root, known) -> str`,
looks at the configuration, at the user's files, and at finished artifacts (`known.folder("clean")`). It says in a few
words what it found (nothing where there is nothing to look at), or raises a `UserError`. Where it asks for an artifact
that is not there yet, it is put off and called again once the artifact is finished: so a check looks first at what
depends on the user's files alone.
"""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.config.base import HORIZON, NEUTRAL
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.formats.folders import data_hint, expand_paths
from pipeline.packages import Need, NotInstalled
from pipeline.remote.listing import ARTIFACT_SCHEME, is_remote
from pipeline.stages import STAGES
from pipeline.store.artifacts import HASHES, PARTIAL, SPEC_FILE, Store
from pipeline.store.written_spec import WrittenSpec


class NotYet(Exception):
    """A check needs what is not there yet; the text says what."""


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
        if not located.exists():
            looked = f" ({located})" if str(located) != path else ""
            raise UserError(f"{path!r} does not exist{looked}{data_hint([path])}")
        return located

    def locate_files(self, paths: list[str]) -> Iterator[Path]:
        """The files that paths, folders and globs name, as `Context.locate_files`."""
        for path in paths:
            if is_remote(path) or path.startswith(ARTIFACT_SCHEME):
                yield self.locate(path)
            else:
                yield from expand_paths([path])


@dataclass(frozen=True)
class Finding:
    """What a check has to say."""

    stage: str
    check: str
    """What was looked at, in words."""
    state: Literal["fine", "later", "problem"]
    words: str
    needs: tuple[Need, ...] = ()
    """Packages that are missing, where that is the problem."""


class Preflight:
    """The checks of all stages of a plan that are still to be built; each is called until it has an answer."""

    def __init__(self, root: RootConfig, fingerprints: Mapping[str, str], store: Store):
        self._root, self._known = root, Known(store, fingerprints)
        self._pending = [
            (name, check)
            for name, fingerprint in fingerprints.items()
            if STAGES[name].checks and store.find(name, fingerprint) is None
            for check in STAGES[name].checks
        ]

    def findings(self) -> list[Finding]:
        """What the checks say that have not answered before."""
        pending = self._pending
        self._pending = []
        found = []
        for stage, check in pending:
            module, function = check.split(":")
            what = function.replace("_", " ")
            try:
                words = getattr(importlib.import_module(module), function)(self._root, self._known)
                found.append(Finding(stage, what, "fine", words))
            except NotYet as reason:
                self._pending.append((stage, check))
                found.append(Finding(stage, what, "later", f"looked at {reason}"))
            except UserError as error:
                # Several checks of a stage may meet the same one.
                if all((each.stage, each.words) != (stage, str(error)) for each in found):
                    needs = error.needs if isinstance(error, NotInstalled) else ()
                    found.append(Finding(stage, what, "problem", str(error), needs))
        return found

    def refuse_what_will_fail(self) -> None:
        """Call the checks that have not answered before.

        Raises:
            UserError: with all that they object to.
        """
        refuse(self.findings())


def refuse(findings: list[Finding]) -> None:
    """Raises: UserError: with all problems among the findings."""
    problems = [
        f"stage {found.stage} would fail: {found.words}"
        for found in findings
        if found.state == "problem" and not found.needs
    ]
    if lacking := [found for found in findings if found.needs]:
        stages = " and ".join(dict.fromkeys(found.stage for found in lacking))
        told = NotInstalled([need for found in lacking for need in found.needs])
        problems.insert(0, f"packages are missing, and {stages} would fail: {told}")
    if problems:
        raise UserError("\n".join(problems))
