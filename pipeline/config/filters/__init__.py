"""The `clean.filters` section: a file for each set of rules. A new one is a new file here and its module in
`data_prep/filters/`."""

from pipeline.config.choices import import_modules
from pipeline.config.filters.base import FilterConfig, FilterSet, filter_sets

__all__ = ["FilterConfig", "FilterSet", "filter_sets"]

import_modules(__name__)
FilterConfig.model_rebuild(force=True)
