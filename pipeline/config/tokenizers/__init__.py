"""The `tokenizer` section: a file for each kind. A new one is a new file here and its module in
`data_prep/tokenizing/`."""

from pipeline.config.choices import import_choices
from pipeline.config.tokenizers.base import TokenizerConfig, TrainedTokenizer

__all__ = ["TokenizerConfig", "TrainedTokenizer"]

import_choices(TokenizerConfig, __name__)
