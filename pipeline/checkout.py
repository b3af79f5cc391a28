"""Guard against another installed distribution that shadows our generically named packages."""

import importlib.util
import subprocess
from pathlib import Path

from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "data_prep", "train", "eval")


def check_packages() -> None:
    """Raises: UserError: where a package of ours resolves outside this checkout."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or ROOT not in Path(spec.origin).resolve().parents:
            found = (
                "is not found"
                if spec is None
                else f"resolves to {spec.origin or spec.submodule_search_locations}"
            )
            raise UserError(
                f"the package {name!r} {found}, not to {ROOT / name}: run from the project's root in its own "
                "environment (make venv), or uninstall the distribution that shadows it"
            )


def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` where it has uncommitted changes; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
