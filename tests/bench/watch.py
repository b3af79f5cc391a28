"""What a command costs while it runs: wall time, CPU time, memory and disk, by phase. Linux only.

Everything is sampled from /proc, with all descendants of the command. CPU time is exact to a clock tick, and cut into
phases to a sample; a peak of memory shorter than the time between two samples is missed.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.1
"""Between two samples; of the disk ten times as many."""
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass
class Usage:
    """Of a phase: seconds and bytes."""

    wall: float = 0.0
    cpu: float = 0.0
    """Of all processes, in user and system mode."""
    largest: int = 0
    """Peak resident memory of a process, libraries and mapped files included."""
    private: int = 0
    """Peak of a process without what is mapped from files, which the system can drop."""
    all: int = 0
    """Peak sum of the processes' private memory, and once the largest shared part."""
    disk: int = 0
    """Peak of the watched folder."""


def watch(command: Sequence[str], folder: Path, phase: Callable[[], str]) -> dict[str, Usage]:
    """Run the command, which must succeed. Usage by phase, in their order.

    Args:
        folder: whose size on disk is watched.
        phase: names what the command is at now.
    """
    found: dict[str, Usage] = {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    before, cpu, sample = time.monotonic(), 0.0, 0
    while process.poll() is None:
        usage = found.setdefault(phase(), Usage())
        seconds, memory = _measure(process.pid)
        now = time.monotonic()
        usage.wall += now - before
        usage.cpu += max(seconds - cpu, 0.0)
        before, cpu = now, max(seconds, cpu)
        if memory:
            usage.largest = max(usage.largest, max(resident for resident, _ in memory))
            usage.private = max(usage.private, max(private for _, private in memory))
            shared = max(resident - private for resident, private in memory)
            usage.all = max(usage.all, sum(private for _, private in memory) + shared)
        if sample % 10 == 0:
            usage.disk = max(usage.disk, disk_usage(folder))
        sample += 1
        time.sleep(SECONDS)
    output = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-3000:]}")
    return found


def disk_usage(folder: Path) -> int:
    """Bytes that a folder's files take, without those that go while it is read."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def _measure(root: int) -> tuple[float, list[tuple[int, int]]]:
    """CPU seconds of a process and all that it started, and resident and private bytes of those alive."""
    ticks, memory = 0, []
    for process in _tree(root):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            _, resident, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))  # its own, and those of its children that ended
        if resident:
            memory.append((resident * _PAGE, (resident - shared) * _PAGE))
    return ticks / _TICKS, memory


def _tree(root: int) -> Iterator[int]:
    yield root
    for path in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            yield from _tree(int(child))
