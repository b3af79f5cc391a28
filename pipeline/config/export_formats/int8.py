"""Settings of weights in 8 bits."""

from typing import ClassVar, Literal

from pipeline.config.export_formats.base import ExportFormat


class Int8(ExportFormat):
    """Every matrix in 8 bits with a scale for each row, read by this project with torch's kernels for CPUs."""

    implementation: ClassVar[str] = "train.exporting.formats.quantized.form"

    format: Literal["int8"] = "int8"
    activations: Literal["int8", "bf16"] = "int8"
    """What the matrices are multiplied with: `int8` rounds the activations of each product as they come (dynamic
    quantization), `bf16` leaves them in half precision (weight-only)."""

    @property
    def label(self) -> str:
        return "int8-dynamic" if self.activations == "int8" else "int8-weights"
