"""Pairs of texts in two files: a line of the one belongs to the same line of the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pipeline.errors import UserError
from pipeline.formats.encodings import not_utf8


@dataclass(frozen=True)
class ParallelFiles:
    """A file of sources and one of targets, in plain text, as Multi30k and WMT have them."""

    sources: Path
    targets: Path

    @property
    def name(self) -> str:
        return f"{self.sources.name} and {self.targets.name}"

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Where each pair stands, for messages, and its `source` and `target`.

        Raises:
            UserError: where a file is not UTF-8, or the two have not as many lines.
        """
        try:
            with (
                self.sources.open(encoding="utf-8-sig", newline="\n") as sources,
                self.targets.open(encoding="utf-8-sig", newline="\n") as targets,
            ):
                for number, (source, target) in enumerate(zip_longest(sources, targets), 1):
                    if source is None or target is None:
                        ended, other = (
                            (self.sources, self.targets) if source is None else (self.targets, self.sources)
                        )
                        raise UserError(
                            f"{ended} ends after line {number - 1:,}, and {other} goes on: they do not belong "
                            "together, or a line was lost; each line of the one is a pair with the same line of the "
                            "other"
                        )
                    yield (
                        f"{self.name}, line {number}",
                        {"source": source.rstrip("\r\n"), "target": target.rstrip("\r\n")},
                    )
        except UnicodeDecodeError as error:
            raise not_utf8(error, self.sources, self.targets) from None
