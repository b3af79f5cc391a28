"""What the vendors' data sheets say of GPUs."""

import re
from typing import NamedTuple

from pipeline.text.nearest import nearest


class DataSheet(NamedTuple):
    """Of one GPU."""

    name: str
    peak: float
    """FLOP/s of dense bf16 tensor cores, without sparsity."""
    watts: float
    """Its power at the most."""


_SHEETS = {
    sheet.name: sheet
    for sheet in (
        DataSheet("B200", 2250e12, 1000),
        DataSheet("H200", 989e12, 700),
        DataSheet("H100 PCIE", 756e12, 350),
        DataSheet("H100", 989e12, 700),
        DataSheet("A100", 312e12, 400),
        DataSheet("L40S", 362e12, 350),
        DataSheet("L4", 121e12, 72),
        DataSheet("A10", 125e12, 150),
        DataSheet("V100", 125e12, 300),
        DataSheet("4090", 165e12, 450),
        DataSheet("3090", 71e12, 350),
    )
}


def data_sheet(gpu: str) -> DataSheet | None:
    """Of the GPU whose name this is, as its driver or a person has it; None where it is not known."""
    # Whole words: an A10G is no A10. A GH200 and a GB200 hold the GPU that their name ends with.
    return next(
        (
            sheet
            for name, sheet in _SHEETS.items()
            if re.search(rf"(?<![A-Z0-9])(?:G|RTX)?{name}(?![A-Z0-9])", gpu.upper())
        ),
        None,
    )


def known_gpus() -> list[str]:
    return list(_SHEETS)


def nearest_gpus(name: str) -> list[str]:
    """Known names that look like this one, or all of them."""
    return nearest(name, _SHEETS, most=3) or known_gpus()
