"""What a job may take of a node's cores and memory for some of its GPUs, so that the others stay of use."""

import re
from contextlib import suppress
from dataclasses import dataclass

from pipeline.errors import UserError
from pipeline.launch.slurm import client as slurm_client

GPUS = re.compile(r"\bgpu:(?:[^:,()]+:)?(\d+)")
MEMORY_KEPT = 0.1
"""Share of a node's memory that is left to what the site keeps for itself."""


@dataclass(frozen=True)
class NodeShare:
    """Of each node of a job."""

    cpus: int
    megabytes: int


def node_share(partition: str | None, gpus: int) -> NodeShare | None:
    """The share of so many GPUs on the smallest node that has them; None where SLURM says nothing of such a node.

    Args:
        partition: one, or several with commas between; None is the cluster's default.
    """
    with suppress(UserError):  # whether SLURM answers at all is told when a job is submitted
        where = [f"--partition={partition}"] if partition else []
        return share_of(
            slurm_client.run("sinfo", "--noheader", *where, "--format=%P|%c|%m|%G"), gpus, any_of=bool(where)
        )
    return None


def share_of(listing: str, gpus: int, *, any_of: bool) -> NodeShare | None:
    """From lines of `partition|cores|megabytes|resources`, a line for each kind of node.

    Args:
        any_of: take all lines; else those of the default partition, whose name ends in *.
    """
    shares = []
    for line in listing.splitlines():
        partition, cpus, megabytes, resources = line.split("|", 3)
        there = sum(map(int, GPUS.findall(resources)))
        if there >= gpus and (any_of or partition.endswith("*")):
            part = gpus / there
            memory = int(_least(megabytes) * part * (1 - MEMORY_KEPT))
            shares.append(NodeShare(int(_least(cpus) * part), memory))
    if not shares:
        return None
    return NodeShare(min(share.cpus for share in shares), min(share.megabytes for share in shares))


def _least(number: str) -> int:
    """SLURM writes `16+` where nodes differ."""
    return int(number.rstrip("+"))
