"""An HTTP server with OpenAI's interface, and a page to chat in: `python -m inference.serve [key=value …]`."""

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from inference.settings import ModelSettings
from pipeline.config.command_words import read_settings, usage
from pipeline.errors import UserError, exit_on_user_error
from pipeline.packages import check_packages

KEY = "LM_SERVE_KEY"
"""Environment variable with the key that clients must send; a command line could be read by others."""
GRACE = 3
"""Seconds that requests have to end in when the server does."""


class ServeSettings(ModelSettings):
    """`serve [key=value …]`: OpenAI's interface over HTTP. A key that clients must send is read from LM_SERVE_KEY."""

    host: str = "127.0.0.1"
    """Address to listen at; any but this machine's own needs a key."""
    port: Annotated[int, Field(ge=0, lt=65536)] = 8000
    """0 takes one that is free."""
    max_tokens: PositiveInt = 1024
    """That a text may have; the model's context limits it, too."""
    max_texts: PositiveInt = 128
    """That are written side by side or wait; who comes beyond is told to try again (429)."""


def main(words: Sequence[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print(usage(ServeSettings))
        return
    with exit_on_user_error():
        settings = read_settings(ServeSettings, words)
        key = os.environ.get(KEY) or None
        if key is None and not is_loopback(settings.host):
            raise UserError(
                f"host={settings.host} can be reached from other machines: set a key that clients must send, as "
                f"{KEY}=… before the command, or leave host at 127.0.0.1"
            )
        _check_installed()
        listening = listen(settings.host, settings.port)
        serve(settings, key, listening)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_installed() -> None:
    check_packages("serving", ["starlette", "uvicorn"], "serve")


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address, before the model is loaded.

    Raises:
        UserError: where the port is in use, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} is in use, by another server perhaps; choose another: port={port + 1}"
            ) from None
        raise UserError(f"host={host} port={port}: {error.strerror or error}") from None
    return listening


def serve(settings: ServeSettings, key: str | None, listening: socket.socket) -> None:
    """Answer requests until Ctrl-C."""
    import uvicorn

    from inference.serving.app import Server

    opened = settings.open()
    name = Path(opened.name).name if Path(opened.name).is_absolute() else opened.name
    server = Server(opened, name, most_texts=settings.max_texts, most_tokens=settings.max_tokens, key=key)
    config = uvicorn.Config(
        server.app(), log_level="warning", timeout_graceful_shutdown=GRACE, server_header=False
    )
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(
        f"{name} is served at http://{shown}:{port}: a page to chat in, and /v1 for clients of OpenAI's interface"
    )
    if not opened.is_of_conversations:
        print(
            f"{name} was not trained on conversations: it only continues texts (/v1/completions, make sample), and the "
            "page to chat in gets no answers from it."
        )
    print("Ctrl-C ends.", flush=True)
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
