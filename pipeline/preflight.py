"""Preflight checks: what the stages of a plan will need, looked at before a training starts and not after it.

A stage's row in `pipeline.stages` names its checks as `module:function`. Such a function, `check(root, known) -> str`,
looks at the configuration, at the user's files, and at finished artifacts (`known.folder("clean")`). It says in a few
words what it found (nothing where there is nothing to look at; `Warned` where the user should look), or raises a
`UserError`. Where it asks for an artifact that is not there yet, it is put off and called again once the artifact is
finished: so a check looks first at what depends on the user's files alone.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.known import Known, NotYet, Warned
from pipeline.packages import Need, NotInstalled
from pipeline.stages import STAGES
from pipeline.store.artifacts import Store


@dataclass(frozen=True)
class Finding:
    """What a check has to say."""

    stage: str
    check: str
    """What was looked at, in words."""
    state: Literal["fine", "warning", "later", "problem"]
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
                found.append(Finding(stage, what, "warning" if isinstance(words, Warned) else "fine", words))
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
