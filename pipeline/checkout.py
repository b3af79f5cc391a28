"""Where our packages are, of which version, and that no other distribution shadows them."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pipeline
from pipeline import ROOT
from pipeline.errors import UserError
from pipeline.typed_command import is_checkout

DIRTY = "-dirty"
_REMOTE = re.compile(r"(https?|ssh|git)://|[\w.-]+@[\w.-]+:")
PACKAGES = ("pipeline", "data_prep", "train", "eval", "inference")


def check_packages() -> None:
    """Raises: UserError: where a package of ours resolves to another distribution's."""
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent != package_folder(name):
            found = (
                "is not found"
                if spec is None
                else f"resolves to {spec.origin or spec.submodule_search_locations}"
            )
            raise UserError(
                f"the package {name!r} {found}, not to {package_folder(name)}: run from the project's root in its own "
                "environment (make venv), or uninstall the distribution that shadows it"
            )


def package_folder(name: str) -> Path:
    """The folder of one of our packages; see `pipeline.ROOT`."""
    return Path(pipeline.__file__).resolve().parent if name == "pipeline" else ROOT / name


def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` where it has uncommitted changes; None outside a checkout."""
    if not is_checkout():
        return None  # an installation; a checkout around it would be another project's
    return _git(ROOT, "describe", "--always", "--dirty", "--abbrev=40")


def git_remote(checkout: Path = ROOT) -> str | None:
    """Where others can clone the checkout from, without credentials; None where git knows of no such place, as of a
    clone of a folder."""
    if not (checkout / "pipeline").is_dir():
        return None
    address = _git(checkout, "config", "--get", "remote.origin.url") or ""
    return re.sub(r"^(https?://)[^/@]*@", r"\1", address) if _REMOTE.match(address) else None


def how_to_get(commit: str | None, remote: str | None) -> str:
    """The command that fetches a version of this project; empty where nobody knows where it is."""
    if commit is None or remote is None:
        return ""
    folder = re.split(r"[/:]", remote.rstrip("/"))[-1].removesuffix(".git")
    changed = "  # and changes that were not committed" if commit.endswith(DIRTY) else ""
    return f"git clone {remote} && cd {folder} && git checkout {commit.removesuffix(DIRTY)}{changed}"


def _git(checkout: Path, *words: str) -> str | None:
    """What git prints; None where it fails."""
    command = ["git", "-C", str(checkout), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
