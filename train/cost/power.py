"""The power that training draws, from the counters that the machine has: NVML of a GPU, RAPL of a CPU.

Both count energy, so that neither misses what is between two readings. There is nothing to install for them; where a
machine has none, or keeps them from this user, as most virtual machines do, nothing is measured.
"""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

import torch

RAPL = Path("/sys/class/powercap")

Joules = Callable[[], float]
"""Reads a counter."""


class PowerMeter:
    """The mean power between two readings of a counter of energy."""

    def __init__(self, joules: Joules):
        self._joules = joules
        self._last = (time.monotonic(), joules())

    def take(self) -> float:
        """Watts, on average since the last call."""
        before, had = self._last
        self._last = now, has = time.monotonic(), self._joules()
        return (has - had) / (now - before)


def power_meter(device: torch.device, rapl: Path = RAPL) -> PowerMeter | None:
    """Of this GPU, or of this machine's processors; None where nothing counts its energy."""
    joules = nvml_counter(device) if device.type == "cuda" else rapl_counter(rapl)
    return PowerMeter(joules) if joules else None


def nvml_counter(device: torch.device) -> Joules | None:
    """The GPU's own counter, by NVIDIA's management library, which comes with the driver."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
            return None
        if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            return None  # GPUs older than Volta have no such counter
    except (OSError, AttributeError):
        return None

    def joules() -> float:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules))
        return millijoules.value / 1000

    return joules


def rapl_counter(folder: Path) -> Joules | None:
    """The counters of all processors of this machine, with the memory beside them where it has its own.

    They start again at 0 when they are full, for a large processor within the hour: read them more often.
    """
    files = [
        zone / "energy_uj"
        for zone in folder.glob("intel-rapl:*")  # AMD's have the name, too
        if _is_whole(zone)
    ]
    try:
        ranges = {file: int((file.parent / "max_energy_range_uj").read_text()) for file in files}
        last = {file: int(file.read_text()) for file in files}
    except (OSError, ValueError):  # most systems let root alone read them
        return None
    if not files:
        return None
    counted = 0

    def joules() -> float:
        nonlocal counted
        for file in files:
            now = int(file.read_text())
            counted += (now - last[file]) % (ranges[file] + 1)
            last[file] = now
        return counted / 1e6

    return joules


def _is_whole(zone: Path) -> bool:
    """Whether a zone is a processor, or its memory, and not a part that another zone counts, too."""
    try:
        name = (zone / "name").read_text().strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"
