"""The files that a checkpoint is made of, in the format of safetensors: fp32 tensors of one dimension.

They are written here, so that their sha256 is taken of what is written and nothing is read again; and read by where
their elements lie, straight into the tensors that need them.
"""

import errno
import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from pipeline.errors import UserError

CHUNK = 1 << 24
"""Bytes that are hashed and written in turn, while they are in the processor's cache."""
ITEM = torch.float32.itemsize
TYPE = "F32"


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    size: int
    """Elements."""
    offset: int
    """Of its first byte, in the file."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write fp32 tensors [elements] of the host's memory, down to the disk. Returns the file's sha256.

    Raises:
        OSError: where there is no space. Nothing is left then, since whatever else writes there needs some.
    """
    header: dict[str, object] = {}
    end = 0
    for key, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * ITEM
        header[key] = {"dtype": TYPE, "shape": [tensor.numel()], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the elements are aligned
    if shutil.disk_usage(path.parent).free < end + len(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    try:
        return _write(path, (struct.pack("<Q", len(text)), text, *map(_bytes, tensors.values())))
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _write(path: Path, parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for part in parts:
            for start in range(0, len(part), CHUNK):
                piece = part[start : start + CHUNK]
                digest.update(piece)
                file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def read_header(path: Path) -> dict[str, Stored]:
    """What a file holds, by key.

    Raises:
        UserError: where it is no such file.
    """
    with path.open("rb") as file:
        try:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            if any(entry["dtype"] != TYPE for entry in header.values()):
                raise UserError(f"{path} holds other numbers than fp32")
            return {
                key: Stored(entry["shape"][0], 8 + length + entry["data_offsets"][0])
                for key, entry in header.items()
            }
        except (struct.error, ValueError, KeyError, AttributeError, OverflowError, MemoryError):
            raise UserError(f"{path} is damaged: it is no safetensors file of a checkpoint") from None


def read_elements(file: BinaryIO, offset: int, into: Tensor) -> None:
    """Fill a tensor [elements] with what begins at a byte of the file.

    Raises:
        UserError: where the file ends before.
    """
    direct = into.device.type == "cpu" and into.dtype == torch.float32
    target = into if direct else torch.empty(into.shape, pin_memory=into.is_cuda)
    file.seek(offset)
    wanted = _bytes(target)
    if file.readinto(wanted) != len(wanted):  # type: ignore[attr-defined]
        raise UserError(f"{file.name} is damaged: it ends too early")
    if not direct:
        into.copy_(target)


def _bytes(tensor: Tensor) -> memoryview:
    """Of a contiguous tensor [elements] with at least one."""
    return tensor.detach().numpy().data.cast("B")
