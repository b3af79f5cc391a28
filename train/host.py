"""Where the host has to wait: values on a device of its own are there only when the device has come so far."""

from collections.abc import Callable

import torch
from torch import Tensor

HOSTS = frozenset({"cpu"})
"""Types of devices whose values can be read without waiting for them."""


def is_host(device: torch.device) -> bool:
    """Whether values on the device can be read without waiting for it."""
    return device.type in HOSTS


def begin_to_read(values: Tensor) -> Callable[[], list[float]]:
    """Start to copy a vector from its device, and go on at once. What is returned waits for the copy, and gives it."""
    if values.device.type != "cuda":
        return values.tolist
    copy = torch.empty_like(values, device="cpu", pin_memory=True)  # else the copy would wait for the device
    copy.copy_(values, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record()

    def read() -> list[float]:
        copied.synchronize()
        return copy.tolist()

    return read
