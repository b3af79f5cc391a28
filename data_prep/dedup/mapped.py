"""New arrays in files that are mapped into memory."""

import os
from pathlib import Path

import numpy as np


def new_array(path: Path, dtype: type, length: int) -> np.memmap:
    """Zeros.

    The disk space is taken at once. A mapped file with holes would end the process with SIGBUS, without a word, where
    the disk becomes full while they are filled.

    Raises:
        OSError: where there is no space.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(length,))
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, 1))
    return array
