"""Errors that the user can mend, and what to tell them."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, NoReturn

from pipeline.redaction import redacted, secret_values
from pipeline.system_errors import is_unconnected, system_message


class UserError(Exception):
    """A mistake of the user's, or a state of the world that only they can mend.

    Its text says what was wrong, where, and what to do. Entry points print it without a traceback
    and exit with code 2; every other exception is a bug of ours and keeps its traceback.
    """


class Stopped(UserError):
    """Work that ended early since it was asked to, with what it had done kept: told without calling it an error."""


class Restart(Exception):
    """A worker that ends early and wants to be started again: it continues from a checkpoint."""

    def __init__(self, reason: Literal["preempted", "rollback"], step: int):
        super().__init__(f"{reason} at step {step}")
        self.reason, self.step = reason, step


def message_for_user(error: BaseException) -> str | None:
    """What to tell the user, or None where the error is a bug that needs its traceback."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C; give the same command again to go on"
    return system_message(error)


@contextmanager
def exit_on_user_error() -> Generator[None]:
    """Ends the process with one message, without a traceback, where an error inside is the user's to mend.

    Exit code 2, or 130 after an interrupt.
    """
    try:
        yield
    except BaseException as error:
        message = message_for_user(error)
        if message is None:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)
        told = message if interrupted or isinstance(error, Stopped) else f"error: {message}"
        fail(told, 130 if interrupted else 2)


def first_line(error: BaseException) -> str:
    """What an error of a library says first; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def why_unreached(error: BaseException) -> str:
    """Why a library did not reach another machine, in words for people where that is the network's fault."""
    return (
        "this machine has no network, or needs a proxy, which HTTPS_PROXY names"
        if is_unconnected(error)
        else first_line(error)
    )


def fail(message: str, code: int) -> NoReturn:
    print(redacted(message, secret_values(os.environ)), file=sys.stderr)
    sys.exit(code)
