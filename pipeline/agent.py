"""torchrun as the planner starts it: `python -m pipeline.agent FOLDER <torchrun's arguments>`.

It says nothing itself of workers that fail, notes those that end without a word in their records, and exits with
the code of the first.
"""

import logging
import sys
from pathlib import Path

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous.api import RendezvousError
from torch.distributed.run import parse_args, run

from pipeline.ranks import note_silent_end


def main(folder: Path, arguments: list[str]) -> int:
    """Run torchrun's agent of this node. Returns 0, or the code of the worker that failed first."""
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    try:
        run(parse_args(arguments))
    except ChildFailedError as error:
        for rank, failure in error.failures.items():
            how = (
                f"ended with {failure.signal_name()}"
                if failure.exitcode < 0
                else f"exited with {failure.exitcode}"
            )
            note_silent_end(folder, rank, how, failure.timestamp)
        _, first = error.get_first_failure()
        return first.exitcode if first.exitcode > 0 else 128 - first.exitcode
    except RendezvousError as error:
        print(f"the nodes did not meet: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
