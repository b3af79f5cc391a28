"""What is wrong with the rows of a file, told together: who corrects it hears of all and not of one at a time."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pipeline.errors import UserError
from pipeline.text.enumeration import enumerated

SHOWN = 10
"""Faults of different kinds that are told, and rows that are named with the same one; of others, how many there are."""

MOST_WITHOUT_A_GOOD_ONE = 1_000
"""Bad rows from a file's start on, behind which it is not read on: no row would be good, as where a field's name is
wrong."""

A = TypeVar("A")
B = TypeVar("B")


class RowFaults:
    """Collects what is wrong with rows. What is wrong with many in the same words is told once."""

    def __init__(self, name: str):
        """Args: name: of the file, with which the rows' places begin."""
        self._name = name
        self._places: dict[str, list[str]] = {}
        """The first rows of each fault, by its words without the place; only of the first faults."""
        self._counts: Counter[str] = Counter()
        """All rows of the same faults."""
        self._others = 0
        """Rows with another fault."""
        self.is_rest_unread = False
        """Whether there are more rows, which nobody has read."""

    def __bool__(self) -> bool:
        return bool(self._counts)

    @property
    def total(self) -> int:
        return self._counts.total() + self._others

    def add(self, where: str, error: UserError) -> None:
        """Args: where: the row's place, with which the error's text may begin."""
        what = str(error).removeprefix(where)
        if what not in self._places and len(self._places) == SHOWN:
            self._others += 1
            return
        places = self._places.setdefault(what, [])
        self._counts[what] += 1
        if len(places) < SHOWN:
            places.append(where)

    def error(self) -> UserError:
        """All of them in one."""
        total = self.total
        if total == 1:
            [(what, [where])] = self._places.items()
            return UserError(where + what)
        lines = [self._told(what, places) for what, places in self._places.items()]
        more = [f"and {self._others:,} more"] if self._others else []
        if self.is_rest_unread:
            more.append(f"no row was good among the first {total:,}, so that the rest was not read")
        return UserError("\n  ".join([f"{total:,} faults in {self._name}:", *lines, *more]))

    def _told(self, what: str, places: list[str]) -> str:
        first, *others = [place.removeprefix(f"{self._name}, ") for place in places]
        unnamed = self._counts[what] - len(places)
        likewise = enumerated([*filter(None, others), *([f"{unnamed:,} more"] if unnamed else [])])
        return first + what + (f" (likewise {likewise})" if likewise else "")


@contextmanager
def faults_together(name: str) -> Generator[RowFaults]:
    """Faults that the caller adds, and a `UserError` inside that concerns more than a row, as one error at the end.

    Args:
        name: as of `RowFaults`.

    Raises:
        UserError: where there is any.
    """
    faults = RowFaults(name)
    try:
        yield faults
    except UserError as error:
        if not faults:
            raise
        faults.add("", error)
    if faults:
        raise faults.error()


def read_all(name: str, rows: Iterable[tuple[str, A]], read: Callable[[str, A], B]) -> Iterator[B]:
    """What `read` makes of each row.

    Args:
        name: as of `RowFaults`.
        rows: each with its place.
        read: given the place and the row; raises a `UserError` for a bad one.

    Raises:
        UserError: behind the last row, with all that are bad; or behind very many, none of which is good.
    """
    has_good = False
    with faults_together(name) as faults:
        for where, row in rows:
            if not has_good and faults.total == MOST_WITHOUT_A_GOOD_ONE:
                faults.is_rest_unread = True
                return
            try:
                found = read(where, row)
            except UserError as error:
                faults.add(where, error)
            else:
                has_good = True
                yield found
