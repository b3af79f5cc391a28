"""A copy of the code for queued jobs, so that later edits of the checkout do not reach them."""

import hashlib
import os
import shutil
from pathlib import Path

from pipeline.checkout import PACKAGES, package_folder
from pipeline.store import durable

SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")


def snapshot_code(run_folder: Path) -> Path:
    """Copy our packages to `<run folder>/code-<hash of their content>`, or find the copy that is there."""
    files = sorted(
        path
        for package in PACKAGES
        for path in package_folder(package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path}\0".encode() + path.read_bytes())
    folder = run_folder / f"code-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
        for package in PACKAGES:
            shutil.copytree(package_folder(package), scratch / package, ignore=SKIPPED)
        durable.publish(scratch, folder)
    return folder.resolve()
