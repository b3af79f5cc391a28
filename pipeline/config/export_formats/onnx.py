"""Settings of the files that ONNX runtimes read."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.export_formats.base import ExportFormat


class ONNX(ExportFormat):
    """A graph in fp32 with a cache of keys and values, for onnxruntime, transformers.js and others."""

    implementation: ClassVar[str] = "train.exporting.formats.onnx.form"

    format: Literal["onnx"] = "onnx"
    tolerance: PositiveFloat = 1e-3
    """Largest difference of logits: onnxruntime adds in another order, and fuses what stands side by side."""

    @property
    def exact(self) -> bool:
        return True

    @property
    def logit_tolerance(self) -> float:
        return self.tolerance
