"""The process that programs are forked from: `python -m tests.warm.server SOCKET`, until its standard input ends.

A request is one packet: the module to run, its words, environment and folder, with its stdin, stdout and stderr. The
answers are the program's pid and, at its end, its exit code. A program whose starter is gone is killed.
"""

import atexit
import contextlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

PACKET = 1 << 20


def serve(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{path}.new")
    listener.listen(64)
    os.rename(f"{path}.new", path)  # who finds it may connect, which before listening is refused
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while [key.fileobj for key, _ in selector.select()] == [listener]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _attend(connection)
            connection.close()
            _reap(os.WNOHANG)
    _reap(0)


def _reap(options: int) -> None:
    """Take leave of the attendants that have ended, or of all; their time counts as this process's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _attend(connection: socket.socket) -> NoReturn:
    """Start one program, and stay until it ends."""
    packet, streams, _, _ = socket.recv_fds(connection, PACKET, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _run(json.loads(packet), streams)
    for stream in streams:
        os.close(stream)
    connection.send(str(pid).encode())
    with selectors.DefaultSelector() as selector:
        selector.register(os.pidfd_open(pid), selectors.EVENT_READ)
        selector.register(connection, selectors.EVENT_READ)
        if connection in [key.fileobj for key, _ in selector.select()]:
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """The program, from its fork on."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[:0] = [request["cwd"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [request["module"], *request["words"]]
    code = 1
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        else:
            code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    try:  # as the interpreter ends
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    import tests.warm.preloaded  # noqa: F401

    serve(sys.argv[1])
