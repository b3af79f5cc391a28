"""Our decoder's layouts as other formats know them: without what only transformers computes."""

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from train.models.decoder.hf_config import from_hf_config
from train.models.family import ConfigFields


def read_layout(fields: ConfigFields, format: str) -> DecoderConfig:
    """The decoder that a config.json describes.

    Raises:
        UserError: where it is none of gpt2, llama and qwen3, or has what is not written in other formats.
    """
    config = from_hf_config(fields)
    found = []
    if config.experts is not None:
        found.append("a mixture of experts (model.experts)")
    if config.sliding_window is not None:
        found.append("local layers (model.sliding_window)")
    if found:
        raise UserError(
            f"format={format} is not written of {' and '.join(found)}; leave it out of export.formats"
        )
    return config
