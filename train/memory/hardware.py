"""What the machine can do and how much memory a rank has used."""

import resource
import time

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
    """Peak of one device in FLOP/s: bf16 by data sheet on a known GPU, an fp32 matrix product measured on a CPU."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device).upper()
        return next((peak for part, peak in _GPU_PEAKS.items() if part in name), None)
    size = 1024
    left, right = torch.randn(size, size), torch.randn(size, size)
    left @ right
    best = min(_seconds(left, right) for _ in range(3))
    return 2 * size**3 / best


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    started = time.perf_counter()
    left @ right
    return time.perf_counter() - started


def peak_memory(device: torch.device) -> int:
    """Most bytes this rank has held so far: allocated on the GPU, or resident in the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def share_cpu_threads(threads: int | None, ranks_here: int) -> None:
    """Give torch its threads: as asked, or this machine's usable cores divided among its ranks."""
    torch.set_num_threads(threads or max(1, usable_cores() // ranks_here))
