"""The path that somebody may have meant by one that leads nowhere."""

from contextlib import suppress
from pathlib import Path

from pipeline.text.full_width import full_width_path_hint
from pipeline.text.nearest import nearest

MOST = 3
"""Names that a message gives at most."""


def path_hint(path: str) -> str:
    """`did you mean notes?` of the names where the path ends to exist, or which letters of the first name that does not
    exist are full-width; empty where no name is near, and for a path that exists."""
    place = Path(path).expanduser()
    if place.exists():
        return ""
    while not place.parent.exists():
        place = place.parent
    if hint := full_width_path_hint(place.name):
        return hint
    near: list[str] = []
    with suppress(OSError):  # a file, or a folder that cannot be read
        near = nearest(place.name, [entry.name for entry in place.parent.iterdir()], MOST)
    return f"did you mean {' or '.join(str(place.parent / name) for name in near)}?" if near else ""
