"""Filters: which documents are worth training on. A row in a table per rule, each with a named drop reason.

`general.py` has rules of our own; a set of rules is a module that the set's section names, and has

- `RULES`, the rules in the order in which they are asked;
- `take_out_lines(text, config) -> str`, where the set also works on lines: what it leaves of a text.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from data_prep.filters.general import RULES as GENERAL_RULES
from data_prep.filters.rule import Rule
from data_prep.text.document_kind import DocumentKind
from data_prep.text.language import UNDETERMINED, check_languages
from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig, filter_sets


class FilterModule(Protocol):
    """A module of this folder, or of a plugin."""

    RULES: Sequence[Rule]


@runtime_checkable
class OfLines(Protocol):
    """What such a module may have besides."""

    @staticmethod
    def take_out_lines(text: str, config: Any) -> str: ...


def rules() -> list[Rule]:
    """All rules in the order in which they are asked, those of plugins included: what costs most comes last."""
    return [*GENERAL_RULES, *(rule for kind in filter_sets() for rule in kind.load(FilterModule).RULES)]


def options() -> dict[str, str]:
    """Every drop reason, with its key in `clean.filters`."""
    others = {"language": "languages", "stub": "stubs", "list": "lists"}
    return {rule.reason: rule.option for rule in rules()} | others


class DocumentFilter:
    """The rules that a configuration turns on. Picklable, for the workers."""

    def __init__(self, config: FilterConfig):
        """Raises:
        UserError: where `languages` names one that cannot be detected.
        """
        if config.languages is not None:
            check_languages(config.languages)
        self._config = config
        self._rules = [(rule, own) for rule in rules() if (own := rule.settings(config)) is not None]
        sets = [section for kind in filter_sets() if (section := getattr(config, kind.name)) is not None]
        modules = [(section.load(FilterModule), section) for section in sets]
        self._line_rules = [
            (module.take_out_lines, section) for module, section in modules if isinstance(module, OfLines)
        ]

    def __reduce__(self) -> tuple[type["DocumentFilter"], tuple[FilterConfig]]:
        return DocumentFilter, (self._config,)

    def take_out_lines(self, text: str) -> str:
        """The text without the lines that sets of rules take out, as C4's does: do so before the text is judged."""
        for take_out, section in self._line_rules:
            text = take_out(text, section)
        return text

    def reason(
        self,
        features: Features,
        kind: DocumentKind = "article",
        language: tuple[str, float] = (UNDETERMINED, 0.0),
    ) -> str | None:
        """Why the document is dropped: the first rule that it breaks; None where it breaks none.

        Args:
            kind: as `document_kind` tells it.
            language: code and probability, as `detect_language` tells them.
        """
        config = self._config
        code, score = language
        if config.languages is not None and (
            code not in config.languages or score < config.min_language_score
        ):
            return "language"
        for rule, own in self._rules:
            if rule.drops(features, own):
                return rule.reason
        if kind == "stub" and config.stubs == "drop":
            return "stub"
        if kind == "list" and config.lists == "drop":
            return "list"
        return None
