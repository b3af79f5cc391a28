"""The machine that this process runs on: its name, and what a manifest says of its processor, cores and GPUs."""

import os
import platform
import socket
import sys
from pathlib import Path
from typing import TypedDict

CPU_INFO = Path("/proc/cpuinfo")


class Machine(TypedDict):
    """What a manifest says of the machine that its artifact was made on."""

    cpu: str
    cores: int
    """Those that the stage could use."""
    gpus: list[str]


def describe_machine() -> Machine:
    """This node's processor, the cores this process may use, and the GPUs that torch sees, where it is loaded."""
    torch = sys.modules.get("torch")
    cuda = torch.cuda if torch is not None and torch.cuda.is_available() else None
    return {
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "gpus": [cuda.get_device_name(index) for index in range(cuda.device_count())] if cuda else [],
    }


def usable_cores() -> int:
    """Cores that this process may run on: fewer than the machine has, within a job or a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def host_name() -> str:
    """This node as SLURM calls it, else as it calls itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def cpu_vendor() -> str | None:
    """Who made this processor, as it says itself, such as `AuthenticAMD`; None where that is not known."""
    return _cpu_info("vendor_id")


def _cpu_name() -> str:
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(wanted: str) -> str | None:
    """What Linux says of the first core; None elsewhere."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == wanted:
                return value.strip()
    return None
