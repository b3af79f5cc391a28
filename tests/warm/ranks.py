"""Several ranks on this machine that meet, as the tasks of a SLURM job on one node do."""

import os
import selectors
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from tests.warm.process import Streams, WarmProcess

SECONDS = 300.0


def start_ranks(
    environment: Mapping[str, str], streams: Sequence[Streams], body: str, *words: str
) -> list[WarmProcess]:
    """Start a module as a program on as many ranks as there are streams; one that is alone is a process like any
    other."""
    ranks = len(streams)
    if ranks == 1:
        return [WarmProcess(environment, streams[0], body, *words)]
    port = _free_port()
    return [
        WarmProcess({**environment, **_task(rank, ranks, port)}, own, "tests.warm.rank", body, *words)
        for rank, own in enumerate(streams)
    ]


def run_ranks(ranks: int, body: str, *words: str) -> str:
    """Run a module as a program on so many ranks, to a good end. Gives what they print, one after the other."""
    with ExitStack() as files:
        # A file each: a line's end is a write of its own, and another rank's line could come before it.
        told = [files.enter_context(tempfile.TemporaryFile("a+b")) for _ in range(ranks)]
        streams = [(0, file.fileno(), file.fileno()) for file in told]
        codes = wait_for_ranks(start_ranks(os.environ, streams, body, *words))
        for file in told:
            file.seek(0)
        output = "\n".join(file.read().decode(errors="replace") for file in told)
    assert codes == [0] * ranks, f"{body} ended with {codes}\n{output}"
    return output


def wait_for_ranks(ranks: Sequence[WarmProcess]) -> list[int]:
    """The exit codes. Where one fails the others are killed, which would wait for it."""
    with selectors.DefaultSelector() as running:
        for rank in ranks:
            running.register(rank, selectors.EVENT_READ)
        while running.get_map():
            ended = [key.fileobj for key, _ in running.select(SECONDS)]
            for rank in ended:
                running.unregister(rank)
            if not ended or any(rank.wait() for rank in ended):
                for rank in ranks:
                    rank.kill()
                break
    return [rank.wait() for rank in ranks]


def _task(rank: int, ranks: int, port: int) -> dict[str, str]:
    """The environment of a task of a job on one node."""
    return {
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank),
        "SLURM_NODEID": "0",
        "SLURM_STEP_NUM_TASKS": str(ranks),
        "SLURM_STEP_NUM_NODES": "1",
        "MASTER_PORT": str(port),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
