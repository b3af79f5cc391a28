"""What the machine can do and how much memory a rank has used."""

import resource

import torch

from pipeline.data_sheets import data_sheet
from pipeline.machine import usable_cores


def peak_flops(device: torch.device) -> float | None:
    """Peak of one device in FLOP/s, in bf16 by its data sheet; None where it is not known, as of any CPU."""
    if device.type != "cuda":
        return None
    sheet = data_sheet(torch.cuda.get_device_name(device))
    return sheet.peak if sheet else None


def peak_memory(device: torch.device) -> int:
    """Most bytes this rank has held so far: allocated on the GPU, or resident in the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def share_cpu_threads(threads: int | None, ranks_here: int) -> None:
    """Give torch its threads: as asked, or this machine's usable cores divided among its ranks."""
    torch.set_num_threads(threads or max(1, usable_cores() // ranks_here))
