"""What the vendors' data sheets say of GPUs."""

from typing import NamedTuple


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
    return next((sheet for name, sheet in _SHEETS.items() if name in gpu.upper()), None)


def known_gpus() -> list[str]:
    return list(_SHEETS)
