"""What a rule is: a drop reason, the setting that it obeys, and one question about a text."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig


class Rule(ABC):
    """Drops documents for `reason`. Null or false turns it off.

    Attributes:
        option: its key in `clean.filters`: `min_chars`, `gopher_quality.min_words`.
        section: the settings beside its own; None where the whole set of rules is off.
        limit: its own setting, of whatever type the section gives it.
    """

    reason: ClassVar[str]
    option: ClassVar[str]

    def __init__(self, config: FilterConfig):
        group, _, name = self.option.rpartition(".")
        # What an option names is known only when it runs.
        self.section: Any = getattr(config, group) if group else config
        self.limit: Any = None if self.section is None else getattr(self.section, name)

    @property
    def is_on(self) -> bool:
        return self.limit is not None and self.limit is not False

    @abstractmethod
    def drops(self, features: Features) -> bool:
        """Whether the text breaks the rule."""
