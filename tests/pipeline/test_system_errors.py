"""What the system refuses is told in words, whichever library passes it on."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import UserError, message_for_user
from pipeline.formats.parquet_files import reading

WRITERS = """
import resource, signal, sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from pathlib import Path
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models
from pipeline.errors import exit_on_user_error

big = np.random.default_rng(0).integers(0, 255, 1_000_000).astype(np.uint8)
path = Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
write = {
    "text": lambda: path.write_text("x" * 1_000_000),
    "parquet": lambda: pq.write_table(pa.table({"a": big}), path),
    "safetensors": lambda: save_file({"a": big}, path),
    "numpy": lambda: np.save(path, big),
    "tokenizer": lambda: Tokenizer(models.BPE({f"token{i}": i for i in range(9000)}, [])).save(str(path)),
}
with exit_on_user_error():
    write[sys.argv[1]]()
"""


@pytest.mark.parametrize("writer", ["text", "parquet", "safetensors", "numpy", "tokenizer"])
def test_a_disk_that_takes_no_more_is_told_by_every_writer(writer: str, tmp_path: Path) -> None:
    """`ulimit -f` stands for the disk: the libraries pass both on in the same way, each in its own."""
    command = [sys.executable, "-c", WRITERS, writer, str(tmp_path / "npy.npy")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert "ulimit -f" in result.stderr or "the disk is full" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_known_by_the_words_of_libraries_too() -> None:
    for text in (
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "1000000 requested and 262016 written",
        "database or disk is full",
    ):
        assert message_for_user(RuntimeError(text)).startswith("the disk is full")
    assert message_for_user(RuntimeError("[Errno 98] Address already in use")) is None
    assert message_for_user(ValueError("a bug")) is None


def test_memory_that_runs_out_is_told_as_such() -> None:
    assert message_for_user(MemoryError()).startswith("out of memory")
    assert message_for_user(OSError(12, "Cannot allocate memory")).startswith("out of memory")


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long") as error:
        (tmp_path / ("a" * 300)).mkdir()
    assert "file name too long" in message_for_user(error.value)


def test_too_little_memory_for_a_parquet_file_is_no_damage(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="not enough memory to read it") as error,
        reading(tmp_path / "a.parquet"),
    ):
        raise pa.ArrowMemoryError("malloc of size 1 failed")
    assert "is damaged or no Parquet" not in str(error.value)


FULL = """
import json, sys
from pathlib import Path
from pipeline.launch.ranks import RankFile, describe_faults, read_records

folder = Path(sys.argv[1])
record = RankFile(folder, 0)
try:
    with (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError as error:
    full = error
record.set("failed", "the disk is full " + "x" * 5000, users=True)
(found,) = read_records(folder)
assert found.state == "failed" and found.users and found.error.startswith("the disk is full"), found
assert "without a word" not in "".join(describe_faults(folder))

import numpy as np
from data_prep.dedup.mapped import new_array
try:
    new_array(folder / "mapped.npy", np.uint64, 1_000_000)
except OSError as error:
    print(error.errno)
"""


def test_last_words_have_their_place_on_a_full_disk(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=256k none {tmp_path} && exec {sys.executable} -c '{FULL}' {tmp_path}"
    probe = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", str(tmp_path)], capture_output=True
    )
    if probe.returncode:
        pytest.skip("a file system of a limited size takes root")
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, env=os.environ
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "28\n"


def test_a_refusal_that_a_library_gives_no_words_to_is_told_in_the_systems() -> None:
    error = OSError(errno.EACCES, None, "/data/corpus")
    message = message_for_user(error)
    assert message is not None
    assert message.startswith("/data/corpus: permission denied; change its permissions")
