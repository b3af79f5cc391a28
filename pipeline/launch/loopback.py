"""Launches of one machine stay on it: what their processes tell each other is heard on loopback alone.

torch's key-value store listens on all interfaces of the machine and asks nobody who they are: whoever reaches its port
can read and change what a launch agrees on. Between the processes of one machine no network is needed.
"""

import os
import socket
from collections.abc import MutableMapping
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed import TCPStore

ADDRESS = "127.0.0.1"
INTERFACE_VARIABLES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
"""By which gloo and NCCL are told on which interface to open their own connections."""
TIMEOUT = timedelta(minutes=10)

_kept: "list[TCPStore]" = []
"""A store is served for as long as its object lives."""


def stay_on_loopback(environment: MutableMapping[str, str]) -> None:
    """Let gloo and NCCL use the loopback interface, unless the user has named another."""
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    for variable in INTERFACE_VARIABLES if loopback else ():
        environment.setdefault(variable, loopback[0])


def meet_alone(environment: MutableMapping[str, str]) -> None:
    """Let a process that is alone make a group of one, as some strategies want it, without being heard by others."""
    stay_on_loopback(environment)
    store, port = serve_store()
    _kept.append(store)
    meeting = {"MASTER_ADDR": ADDRESS, "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    environment.update(meeting)


def serve_store(port: int = 0) -> "tuple[TCPStore, int]":
    """torch's store with a server that listens on loopback, and its port.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: where the port is taken.
    """
    from torch.distributed import TCPStore

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((ADDRESS, port))
        port = server.getsockname()[1]
        # A copy of the descriptor, which the store then owns.
        store = TCPStore(
            ADDRESS,
            port,
            is_master=True,
            timeout=TIMEOUT,
            wait_for_workers=False,
            multi_tenant=True,
            master_listen_fd=os.dup(server.fileno()),
        )
    return store, port
