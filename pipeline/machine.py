"""What a stage ran on, for its manifest. torch is asked only where the stage has loaded it anyway."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """This node's processor, the cores this process may use, and the GPUs that torch sees."""
    torch = sys.modules.get("torch")
    cuda = torch.cuda if torch is not None and torch.cuda.is_available() else None
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": [cuda.get_device_name(index) for index in range(cuda.device_count())] if cuda else [],
    }


def _cpu_name() -> str:
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
