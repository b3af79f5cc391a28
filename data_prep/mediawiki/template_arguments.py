"""What a template is given, and what shows its words."""

import re
from collections.abc import Callable, Mapping

from pipeline.text.letters import MARKS

_NAMED = re.compile(rf"\s*+([\w{MARKS} -]{{1,30}}?)\s*+=(.*)", re.DOTALL)


class Arguments:
    """A template's arguments, numbered from 1 and named; inner templates are expanded when one is first read."""

    def __init__(self, parts: list[str], expand: Callable[[str], str]) -> None:
        self._expand = expand
        self._values: dict[str, str] = {}
        self._expanded: dict[str, str] = {}
        count = 0
        for part in parts:
            if "=" in part and (named := _NAMED.match(part)):
                self._values[named[1]] = named[2]
            else:
                count += 1
                self._values[str(count)] = part
        self.count = count

    @classmethod
    def expanded(cls, values: Mapping[str, str]) -> "Arguments":
        """Of values that hold no templates any more."""
        arguments = cls([], lambda value: value)
        arguments._values = dict(values)
        while str(arguments.count + 1) in values:
            arguments.count += 1
        return arguments

    def __getitem__(self, key: int | str) -> str:
        """The argument's text; empty where there is none."""
        key = str(key)
        if key not in self._expanded:
            value = self._values.get(key)
            self._expanded[key] = self._expand(value).strip() if value else ""
        return self._expanded[key]

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def all(self) -> list[str]:
        """The numbered arguments."""
        return [self[n] for n in range(1, self.count + 1)]

    def first(self, *keys: int | str) -> str:
        """The first of these arguments that isn't empty."""
        return next((value for key in keys if (value := self[key])), "")


Render = Callable[[str, Arguments], str]
"""From the template's name in lower case, and its arguments, to wikitext without templates."""

Renderer = Callable[[str], Render | None]
"""From a template's name in lower case to what shows its words, None where there are none."""
