"""torchrun as the planner starts it: `python -m pipeline.launch.agent FOLDER LAUNCH <torchrun's arguments>`.

It says nothing itself of workers that fail, notes those that end without a word in their records, and exits with
the code of the first. Where all workers are on this machine they meet on loopback
(`pipeline/launch/loopback.py`).
"""

import logging
import os
import sys
from pathlib import Path

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import (
    RendezvousError,
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)
from torch.distributed.run import parse_args, run

from pipeline.errors import exit_on_user_error
from pipeline.launch.commands import LOOPBACK
from pipeline.launch.loopback import ADDRESS, serve_store, stay_on_loopback
from pipeline.launch.ranks import SilentEnds
from pipeline.launch.workplace import Workplace


class LoopbackRendezvous(RendezvousHandler):
    """The meeting of an agent with itself. Its store serves the workers too; each launch of them gets a new one."""

    use_agent_store = True

    def __init__(self, parameters: RendezvousParameters):
        self._run_id = parameters.run_id
        self._closed = False

    def get_backend(self) -> str:
        return LOOPBACK

    def next_rendezvous(self) -> RendezvousInfo:
        store, port = serve_store()
        return RendezvousInfo(store, 0, 1, RendezvousStoreInfo(ADDRESS, port))

    def is_closed(self) -> bool:
        return self._closed

    def set_closed(self) -> None:
        self._closed = True

    def num_nodes_waiting(self) -> int:
        return 0

    def get_run_id(self) -> str:
        return self._run_id

    def shutdown(self) -> bool:
        self.set_closed()
        return True


def main(folder: Path, arguments: list[str]) -> int:
    """Run torchrun's agent of this node. Returns 0, or the code of the worker that failed first."""
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    rendezvous_handler_registry.register(LOOPBACK, LoopbackRendezvous)
    settings = parse_args(arguments)
    if settings.rdzv_backend == LOOPBACK:
        stay_on_loopback(os.environ)
    try:
        run(settings)
    except ChildFailedError as error:
        ends = SilentEnds(folder)
        for rank, failure in error.failures.items():
            how = (
                f"ended with {failure.signal_name()}"
                if failure.exitcode < 0
                else f"exited with {failure.exitcode}"
            )
            ends.note([rank], how, failure.timestamp)
        _, first = error.get_first_failure()
        return first.exitcode if first.exitcode > 0 else 128 - first.exitcode
    except SignalException as told:
        return 128 + told.sigval
    except RendezvousError as error:
        print(f"the nodes did not meet: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    folder, launch, *arguments = sys.argv[1:]
    with exit_on_user_error(), Workplace.of(Path(folder)).occupied(launch):
        sys.exit(main(Path(folder), arguments))
