"""The settings of a set of rules for documents."""

from typing import ClassVar

from pipeline.config.filters import FilterSet


class Banned(FilterSet):
    """Documents with a certain word are dropped."""

    name: ClassVar[str] = "banned"
    implementation: ClassVar[str] = "my_lab.banned_rules"

    word: str | None = None
