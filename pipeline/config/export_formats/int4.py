"""Settings of weights in 4 bits."""

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat

from pipeline.config.export_formats.base import ExportFormat


class Int4(ExportFormat):
    """Linear maps in 4 bits with a scale and an offset for each group of a row, embeddings and output in 8; read by
    this project with torch's kernels for CPUs."""

    implementation: ClassVar[str] = "train.exporting.formats.quantized.form"

    format: Literal["int4"] = "int4"
    group: Literal[32, 64, 128, 256] = 32
    """Numbers of a row that share a scale; it must divide the width of every linear map."""
    max_rise: NonNegativeFloat = 0.25
    """As above; 4 bits cost more."""

    @property
    def label(self) -> str:
        return f"int4-{self.group}"
