"""torchrun on several machines: one planner leads a stage, those of the other machines follow."""

import errno
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pipeline.announce import Announce
from pipeline.config.launchers.torchrun import TorchrunLauncher
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.launch.commands import check_devices, torchrun
from pipeline.launch.ranks import FOLDER
from pipeline.launch.supervise import Ended, Launch, run_command
from pipeline.launch.watch import Watch
from pipeline.launch.workplace import read_launch
from pipeline.machine import host_name
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import LAUNCH_FILE, PARTIAL, write_json

REACH_SECONDS = 5.0
PEER_SECONDS = 10.0
"""How long a node's workers may go on when another node's have failed."""


def meeting(spec: StageSpec) -> tuple[TrainerConfig, str]:
    """How a stage that trains on several machines is trained, and the `host:port` at which they meet."""
    endpoint = TorchrunLauncher.expect(spec.launcher).rendezvous
    if spec.trainer is None or endpoint is None:  # `reach_problems` has refused it
        raise ValueError(f"stage {spec.stage} does not train on several machines that know where to meet")
    return spec.trainer, endpoint


@contextmanager
def lead(spec: StageSpec, announce: Announce, folder: Path) -> Generator[Launch]:
    """Gives a function that launches on all nodes: followers read from the folder what to take part in.

    Raises:
        UserError: where the endpoint cannot serve.
    """
    trainer, endpoint = meeting(spec)
    check_endpoint(endpoint)

    def launch(name: str) -> Ended:
        write_json(folder / LAUNCH_FILE, {"endpoint": endpoint, "id": name})
        announce(
            f"{spec.stage}: {trainer.nodes} machines meet at {endpoint}; give the same command on each of them"
        )
        ended = _run_agent(spec, folder, name, announce)
        if ended.code != 0:  # records of the other nodes come a little later
            deadline = time.monotonic() + 3 * PEER_SECONDS
            while len(_marks(folder, name)) < trainer.nodes and time.monotonic() < deadline:
                time.sleep(0.2)
        return ended

    try:
        yield launch
    finally:
        (folder / LAUNCH_FILE).unlink(missing_ok=True)


class Follower:
    """Called while another planner holds the stage: takes part in each of its launches, once."""

    def __init__(self, spec: StageSpec, announce: Announce):
        self._spec, self._announce = spec, announce
        self._last: str | None = None
        self._said = False

    @property
    def took_part(self) -> bool:
        return self._last is not None

    def __call__(self) -> None:
        spec = self._spec
        place, endpoint = (
            spec.store.root / spec.stage,
            TorchrunLauncher.expect(spec.launcher).rendezvous,
        )
        for path in place.glob(f"*-{spec.fingerprint}{PARTIAL}/{LAUNCH_FILE}"):
            launch = read_launch(path.parent)
            if launch.get("endpoint") == endpoint and launch["id"] != self._last:
                self._last = launch["id"]
                self._announce(f"{spec.stage}: taking part at {launch['endpoint']}")
                _run_agent(spec, path.parent, launch["id"], self._announce)
                return
        if not self._said and not self.took_part:
            self._said = True
            self._announce(f"{spec.stage}: another planner leads this stage; waiting for it")


def _run_agent(spec: StageSpec, folder: Path, name: str, announce: Announce) -> Ended:
    """Run this node's agent until the launch is over or another takes its place."""
    environment = os.environ | spec.launcher.env
    trainer, endpoint = meeting(spec)
    check_devices(trainer, environment)
    command = torchrun(folder, name, trainer, endpoint)
    failed_at: list[float] = []
    watch = Watch(folder, spec.launcher.rank_timeout, announce)

    def over() -> bool:
        if _marks(folder, name) and not failed_at:
            failed_at.append(time.monotonic())
        another = read_launch(folder).get("id", name) != name
        late = bool(failed_at and time.monotonic() - failed_at[0] > PEER_SECONDS)
        return another or late or watch.over()

    ended = run_command(command, environment, folder, over)
    if ended.code != 0 and folder.is_dir():
        (folder / FOLDER).mkdir(exist_ok=True)
        write_json(folder / FOLDER / f"node-{name}-{host_name()}-{os.getpid()}.json", {"code": ended.code})
    return ended


def _marks(folder: Path, name: str) -> list[Path]:
    """Nodes on which the launch has failed."""
    return list((folder / FOLDER).glob(f"node-{name}-*.json"))


def check_endpoint(endpoint: str) -> None:
    """Raises: UserError: where nobody could meet at `host:port`."""
    host, _, port = endpoint.rpartition(":")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError) as error:
        raise UserError(f"launcher.rendezvous={endpoint}: {host} is not known here ({error})") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            return  # this machine, and the port is free
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UserError(
                    f"launcher.rendezvous={endpoint}: port {port} is in use on this machine; choose another"
                ) from None
            if error.errno != errno.EADDRNOTAVAIL:
                raise UserError(f"launcher.rendezvous={endpoint}: {error.strerror}") from None
    try:
        socket.create_connection((str(address[0]), int(port)), timeout=REACH_SECONDS).close()
    except ConnectionRefusedError:
        pass  # its planner has not come so far
    except OSError as error:
        raise UserError(
            f"launcher.rendezvous={endpoint} cannot be reached from {host_name()}: {error}; check the name, "
            "and that no firewall closes the port"
        ) from None
