"""Under which licence a model may be handed on, as far as it is known of what the model was made from."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.text.enumeration import enumerated


class Licences(NamedTuple):
    """Of all that went into a model, by what it is: a licence, or None where it is not known."""

    parts: Mapping[str, str | None]

    @property
    def of_the_whole(self) -> str | None:
        """One, or several side by side; None where one of the parts has none that is known."""
        found = list(dict.fromkeys(self.parts.values()))
        return " and ".join(filter(None, found)) if found and all(found) else None

    @property
    def words(self) -> str:
        """What is to be said of it on the model card; empty where there is nothing."""
        if self.of_the_whole:
            return f"Licence: {self.of_the_whole}."
        unknown = [part for part, licence in self.parts.items() if not licence]
        known = [f"{part}: {licence}" for part, licence in self.parts.items() if licence]
        return " ".join(
            [f"The licence of {enumerated(unknown)} is not known."] * bool(unknown)
            + [f"Licence of {'; '.join(known)}."] * bool(known)
        )


def licence_of_corpus(statistics: Mapping[str, Any]) -> str | None:
    """Of all sources, from the statistics of a cleaned corpus."""
    sources = {str(number): source["license"] for number, source in enumerate(statistics["sources"])}
    return Licences(sources).of_the_whole
