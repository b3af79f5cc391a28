"""How long a stage has been at work over all its launches: kept in its folder, since a kill takes no leave."""

from contextlib import suppress
from pathlib import Path

from pipeline.launch.ranks import read_record
from pipeline.store.artifacts import TIMES_FILE
from pipeline.store.markers import NotDone, read_marker, write_marker
from pipeline.store.signs_of_life import beat_file


def keep_time(folder: Path) -> None:
    """Note how long the launch that is over was at work. Called before its records are removed."""
    if last := _last_launch(folder):
        began, seconds = last
        write_marker(folder / TIMES_FILE, _kept(folder) | {f"{began:.3f}": seconds})


def earlier_times(folder: Path) -> list[float]:
    """Seconds of each launch before the one whose records are in the folder."""
    return list(_kept(folder).values())


def time_so_far(folder: Path) -> float:
    """Seconds of all launches, up to the last sign of life."""
    last = _last_launch(folder)
    return sum(earlier_times(folder)) + (last[1] if last else 0.0)


def _kept(folder: Path) -> dict[str, float]:
    """Seconds by when each began, so that noting one twice changes nothing."""
    try:
        return read_marker(folder / TIMES_FILE)
    except NotDone:
        return {}


def _last_launch(folder: Path) -> tuple[float, float] | None:
    """When rank 0 began, and for how many seconds it lived; None where it never came up."""
    record = read_record(folder, 0)
    if record is None or not record.started:
        return None
    end = record.time
    with suppress(OSError):
        end = max(end, beat_file(folder, 0).stat().st_mtime)
    return record.started, round(max(end - record.started, 0.0), 2)
