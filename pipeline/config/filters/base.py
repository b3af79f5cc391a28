"""Which documents are worth training on: rules of our own, and what all sets of rules have in common."""

import importlib
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.fields import FieldInfo

from pipeline.config.base import Fraction, Section
from pipeline.config.module_protocols import as_protocol
from pipeline.errors import UserError

P = TypeVar("P")

LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class FilterSet(Section):
    """A set of rules that drop documents: `clean.filters.<name>={}` turns it on."""

    name: ClassVar[str]
    implementation: ClassVar[str]
    """The module that holds the rules, as `data_prep/filters/` has them, as text: the planner imports none."""
    order: ClassVar[int] = 5
    """Sets are asked in this order, those that take most time last."""

    @classmethod
    def __pydantic_init_subclass__(cls, **further: Any) -> None:
        """Give the filters the set as a field.

        Raises:
            UserError: where they have one of that name already.
        """
        super().__pydantic_init_subclass__(**further)
        if cls.name in FilterConfig.model_fields:
            raise UserError(f"clean.filters has {cls.name!r} already; give the new set of rules another name")
        FilterConfig.model_fields[cls.name] = FieldInfo(
            annotation=cls | None,
            default=None,
            description="`{}` turns the set on, with the values of its keys below.",
        )

    @classmethod
    def load(cls, protocol: type[P]) -> P:
        """The module that holds the rules, as what is asked of it.

        Raises:
            UserError: where it lacks something.
        """
        return as_protocol(importlib.import_module(cls.implementation), protocol)


def filter_sets() -> list[type[FilterSet]]:
    """All sets of rules in the order in which they are asked, those of plugins included."""
    return sorted(FilterSet.__subclasses__(), key=lambda kind: (kind.order, kind.name))


def crossed(section: Section, *names: str) -> list[str]:
    """Where a `min_` is above its `max_`."""
    found = []
    for name in names:
        least, most = (getattr(section, f"{end}_{name}") for end in ("min", "max"))
        if least is not None and most is not None and least > most:
            found.append(
                f"min_{name}={least} is above max_{name}={most}, which drops every document; change one"
            )
    return found


class FilterConfig(Section):
    """Documents outside these bounds are dropped, each with a named reason. None turns a rule, or a set, off.

    What a corpus itself holds out for validation and test is never filtered, and WikiText not at all. Each set of rules
    (`FilterSet`) is a field of its name, None unless it is turned on.
    """

    min_chars: NonNegativeInt | None = 200
    """A document of fewer characters is dropped."""
    max_chars: PositiveInt | None = None
    min_words: NonNegativeInt | None = None
    """A letter of a script without spaces (Han, Kana, Thai, …) counts as a word."""
    max_mean_word_length: PositiveFloat | None = 20.0
    """Characters per word."""
    max_symbol_ratio: Fraction | None = 0.3
    """Characters that are neither letters, digits nor punctuation, among all that are not white space."""
    min_alpha_ratio: Fraction | None = 0.5
    """Letters among all characters that are not white space."""
    max_repeated_line_ratio: Fraction | None = 0.3
    """Characters in lines that stand in the document before (Rae et al., 2021)."""
    max_bullet_line_ratio: Fraction | None = 0.9
    """Characters in lines that begin with a bullet (Rae et al., 2021, for lines)."""
    max_ellipsis_line_ratio: Fraction | None = 0.3
    """Lines that end in an ellipsis (Rae et al., 2021)."""
    max_invalid_ratio: Fraction | None = 0.001
    """Characters that stand for bytes that were not UTF-8; below this they are only removed."""
    stubs: Literal["keep", "drop"] = "keep"
    """Whether documents of few words of prose (`stub_words`) are dropped."""
    stub_words: PositiveInt = 100
    """Fewer words in sentences make a stub."""
    lists: Literal["keep", "drop"] = "keep"
    """Whether documents that are mostly list items and table rows (`list_ratio`), or called "List of …" in their
    language, are dropped."""
    list_ratio: Fraction = 0.6
    """Characters in list items and table rows, from which a document is a list."""
    languages: Annotated[list[LanguageCode], Field(min_length=1)] | None = None
    """ISO 639 codes of the languages to keep, as `[en, de]`; fastText's lid.176 tells them apart."""
    min_language_score: Fraction = 0.5
    """Probability that the language must have, where `languages` asks."""

    def problems(self) -> list[str]:
        return crossed(self, "chars")
