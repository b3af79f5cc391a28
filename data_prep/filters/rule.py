"""What a rule is: a drop reason, the setting that it obeys, and one question about a text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig


@dataclass(frozen=True)
class Rule:
    """Drops documents for `reason`. Null or false turns it off."""

    reason: str
    option: str
    """Its key in `clean.filters`: `min_chars`, `gopher_quality.min_words`."""
    drops: Callable[[Features, Any], bool]
    """Whether a text breaks it, by the settings among which its own stands."""

    def settings(self, config: FilterConfig) -> Any:
        """The settings among which its own stands: all, or those of its set; None where the rule is off."""
        group, _, name = self.option.rpartition(".")
        section = getattr(config, group) if group else config
        limit = None if section is None else getattr(section, name)
        return None if limit is None or limit is False else section
