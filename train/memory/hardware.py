"""What the machine can do and how much memory a rank has used."""

import resource

import torch

from pipeline.machine import usable_cores

# Dense bf16 tensor-core peaks in FLOP/s, from the vendors' data sheets (without sparsity).
_GPU_PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIE": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "V100": 125e12,
    "4090": 165e12,
    "3090": 71e12,
}


def peak_flops(device: torch.device) -> float | None:
    """Peak of one device in FLOP/s, in bf16 by its data sheet; None where it is not known, as of any CPU."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device).upper()
    return next((peak for part, peak in _GPU_PEAKS.items() if part in name), None)


def peak_memory(device: torch.device) -> int:
    """Most bytes this rank has held so far: allocated on the GPU, or resident in the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def share_cpu_threads(threads: int | None, ranks_here: int) -> None:
    """Give torch its threads: as asked, or this machine's usable cores divided among its ranks."""
    torch.set_num_threads(threads or max(1, usable_cores() // ranks_here))
