"""Figures by the number of ranks: printed, and judged by how they grow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

NOISE = 1.5
"""Times more than it must, at which something grows too fast."""


@dataclass(frozen=True)
class Figures:
    """What something costs one rank."""

    seconds: float
    """Of the processor."""
    opens: int
    """Files opened and folders listed, below the run's folder."""
    collectives: int
    received: int = 0
    """Bytes in messages from other ranks."""
    memory: int = 0
    """Bytes more than before it."""


Growth = Literal["constant", "linear"]
Series = Mapping[int, Mapping[str, Figures]]
"""Figures by number of ranks, and within it by who: `rank 0`, `rank 1`, `last`."""


@dataclass(frozen=True)
class Measured:
    """Something that was played on several numbers of ranks, and how it may grow with them."""

    name: str
    series: Series
    opens: Growth = "constant"
    rest: Growth = "constant"
    """Of time, memory and bytes received."""

    def faults(self) -> Iterator[str]:
        """What grows faster than it must. The collectives of a rank may never grow."""
        first, *others = sorted(self.series)
        limits: tuple[tuple[str, Growth, float, float], ...] = (
            ("collectives", "constant", NOISE, 2),
            ("opens", self.opens, NOISE, 2),
            ("received", self.rest, NOISE, 1000),
            ("memory", self.rest, NOISE, 20_000_000),
            ("seconds", self.rest, 3 * NOISE, 0.1),  # other work on the machine changes it
        )
        for ranks in others:
            for who, now in self.series[ranks].items():
                for what, growth, noise, least in limits:
                    factor = 1 if growth == "constant" else ranks / first
                    old, new = getattr(self.series[first][who], what), getattr(now, what)
                    if new > max(noise * factor * old, old + least):
                        yield f"{self.name}, {who}: {what} {old:,} on {first} ranks, {new:,} on {ranks:,}"

    def rows(self) -> Iterator[str]:
        """Lines of Markdown."""
        for ranks in sorted(self.series):
            for who, f in self.series[ranks].items():
                cells = (
                    self.name,
                    f"{ranks:,}",
                    who,
                    f"{1000 * f.seconds:,.0f}",
                    f"{f.memory / 1e6:,.1f}" if f.memory else "",
                    f"{f.opens:,}",
                    f"{f.collectives:,}",
                    f"{f.received / 1e3:,.1f}" if f.received else "",
                )
                yield f"| {' | '.join(cells)} |"


def played(figures: Mapping[int, Figures], ranks: int) -> dict[str, Figures]:
    """Those of the first, the second and the last rank."""
    return {"rank 0": figures[0], "rank 1": figures[1], "last": figures[ranks - 1]}


HEAD = (
    "| what | ranks | who | CPU ms | MB | files opened | collectives | kB received |\n"
    "|---|--:|---|--:|--:|--:|--:|--:|"
)
