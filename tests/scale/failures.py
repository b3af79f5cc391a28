"""A launch of so many ranks on nodes of eight that fails, as its first node sees it, until it can be queued again."""

import os
import signal
import time
from pathlib import Path

from pipeline.launch import supervise
from pipeline.launch.ranks import RankFile, RankRecord, SilentEnds, describe_faults, read_records
from pipeline.launch.slurm import job
from pipeline.launch.watch import Watch
from pipeline.store.artifacts import RANKS
from tests.scale.opens import counted_opens
from tests.scale.table import Figures

ON_A_NODE = 8
POLLS = 20


def fail(folder: Path, ranks: int) -> Figures:
    """All ranks are killed, and srun tells it node by node; then the launch is explained and cleared away.

    Raises:
        ValueError: where a rank's end is not noted.
    """
    _running(folder, ranks)
    started = time.process_time()
    with counted_opens(folder) as opens:
        ends = SilentEnds(folder)
        for first in range(0, ranks, ON_A_NODE):
            last = min(first + ON_A_NODE, ranks) - 1
            job._note_ends(ends, f"srun: error: node{first // ON_A_NODE}: tasks {first}-{last}: Killed")
        describe_faults(folder)
        if any(record.state != "failed" for record in read_records(folder)):
            raise ValueError("a rank that was killed is not noted")
        supervise.begin_launch(folder, patience=0)
    return Figures(time.process_time() - started, opens.counts.total(), 0)


def stop(folder: Path, ranks: int) -> Figures:
    """The launch is told to stop, and looks for workers to tell as long as these take to end; all of them end well."""
    _running(folder, ranks)
    started = time.process_time()
    with counted_opens(folder) as opens:
        seen: set[int] = set()
        for _ in range(POLLS):
            supervise._tell_workers(folder, signal.SIGUSR1, seen)
        own = RankFile(folder, 0)
        for rank in range(ranks):
            RankRecord(rank, "elsewhere", os.getpid(), "done").write(folder)
        own.wait_for_others(ranks)
    return Figures(time.process_time() - started, opens.counts.total(), 0)


def watch(folder: Path, ranks: int) -> Figures:
    """One look at the signs of life of all ranks."""
    _running(folder, ranks)
    started = time.process_time()
    with counted_opens(folder) as opens:
        Watch(folder, None, print)._look(0.0)
    return Figures(time.process_time() - started, opens.counts.total(), 0)


def _running(folder: Path, ranks: int) -> None:
    (folder / RANKS).mkdir(exist_ok=True)
    for rank in range(ranks):
        RankRecord(rank, "elsewhere", 1, time=time.time()).write(folder)
