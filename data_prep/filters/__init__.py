"""Filters: which documents are worth training on. One small class per rule, each with a named drop reason."""

from data_prep.cleaning.document_kind import DocumentKind
from data_prep.filters.c4 import RULES as C4_RULES
from data_prep.filters.c4 import keep_c4_lines
from data_prep.filters.fineweb import RULES as FINEWEB_RULES
from data_prep.filters.general import RULES as GENERAL_RULES
from data_prep.filters.gopher_quality import RULES as GOPHER_QUALITY_RULES
from data_prep.filters.gopher_repetition import RULES as GOPHER_REPETITION_RULES
from data_prep.text.language import UNDETERMINED, check_languages
from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig

RULES = (  # what costs most comes last
    *GENERAL_RULES,
    *GOPHER_QUALITY_RULES,
    *C4_RULES,
    *FINEWEB_RULES,
    *GOPHER_REPETITION_RULES,
)
OPTIONS = {rule.reason: rule.option for rule in RULES} | {
    "language": "languages",
    "stub": "stubs",
    "list": "lists",
}
"""Every drop reason, with its key in `clean.filters`."""


class DocumentFilter:
    """The rules that a configuration turns on. Picklable, for the workers."""

    def __init__(self, config: FilterConfig):
        """Raises:
        UserError: where `languages` names one that cannot be detected.
        """
        if config.languages is not None:
            check_languages(config.languages)
        self._config = config
        self._rules = [rule for rule in (rule(config) for rule in RULES) if rule.is_on]

    def take_out_lines(self, text: str) -> str:
        """The text without the lines that C4 takes out: do so before the text is judged. As it is where C4 is off."""
        return keep_c4_lines(text, self._config.c4) if self._config.c4 else text

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
        for rule in self._rules:
            if rule.drops(features):
                return rule.reason
        if kind == "stub" and config.stubs == "drop":
            return "stub"
        if kind == "list" and config.lists == "drop":
            return "list"
        return None
