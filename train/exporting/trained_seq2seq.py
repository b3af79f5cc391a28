"""An encoder–decoder as it is exported."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from train.exporting.trained_model import TrainedModel
from train.models import ConfigFields


class TrainedSeq2Seq(TrainedModel):
    """What is compared with transformers: the logits of each row, read by the encoder, with the same row as what the
    decoder is given; and what is written to it."""

    auto_class: ClassVar[str] = "AutoModelForSeq2SeqLM"

    def inputs(self, rows: list[list[int]]) -> dict[str, list[list[int]]]:
        """The rows for encoder and decoder."""
        found = super().inputs(rows)
        return {**found, "decoder_input_ids": found["input_ids"]}

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat([model(row[None], decoder_input_ids=row[None]) for row in rows]).float()

    def generation_fields(self, fields: ConfigFields) -> ConfigFields:
        start = {"decoder_start_token_id": fields.get("decoder_start_token_id")}
        return super().generation_fields(fields) | start
