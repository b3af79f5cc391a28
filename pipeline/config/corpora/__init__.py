"""The `corpus` section: a file for each kind. A new one is a new file here and its module in `data_prep/sources/`."""

from pipeline.config.choices import import_choices
from pipeline.config.corpora.base import CorpusConfig, SingleCorpus

__all__ = ["CorpusConfig", "SingleCorpus"]

import_choices(CorpusConfig, __name__)
