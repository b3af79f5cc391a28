"""The `export.formats` setting: a file for each format that a model can be handed on in besides the Hugging Face
folder. A new one is a new file here, and the module in `train/exporting/formats/` that writes it."""

from pipeline.config.choices import import_choices
from pipeline.config.export_formats.base import ExportFormat

__all__ = ["ExportFormat"]

import_choices(ExportFormat, __name__)
