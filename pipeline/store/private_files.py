"""Files that only their owner may read."""

import os
from pathlib import Path

OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file that others cannot read at any moment, whatever the umask and whoever made it before."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, OWNER_ONLY), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), OWNER_ONLY)
        file.truncate()
        file.write(text)
