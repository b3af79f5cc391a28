"""What goes wrong with a store: what is tried again, and what the user is told, without anything secret."""

import errno
import random
import re
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Literal, TypeVar

from pipeline.errors import UserError
from pipeline.redaction import masked

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds."""
TRANSIENT = frozenset({408, 409, 425, 429, 500, 502, 503, 504})

Failure = Literal["missing", "refused", "transient", "other"]
T = TypeVar("T")

_OFFLINE = re.compile(r"Connect|Timeout|Disconnect|Payload|gaierror")
_FORBIDDEN = re.compile("Forbidden: ")  # what gcsfs makes of the status 403, in an OSError
_ADVICE: dict[Failure, str] = {
    "missing": "there is no such object, folder or bucket; check the address",
    "refused": "access is refused ({}), or there is no such object: check the address, and the credentials that the "
    "environment or the store's own files give (s3: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; gs: "
    "GOOGLE_APPLICATION_CREDENTIALS; hf: HF_TOKEN; https: ~/.netrc)",
    "transient": "the store cannot be reached or does not answer well ({}); check the network, proxies (HTTPS_PROXY) "
    "and, for a store that speaks S3, AWS_ENDPOINT_URL; then start again to continue",
    "other": "the store answers with an error ({}); check the address, and for S3 AWS_REGION and AWS_ENDPOINT_URL",
}


class Stopped(Exception):
    """Work on several files was asked to stop."""


def retried(action: Callable[[], T], url: str, retries: int, stop: threading.Event | None = None) -> T:
    """The action's result, of the first attempt that has one.

    Raises:
        UserError: where trying again is of no use, or did not help.
        Stopped: where `stop` is set meanwhile.
        OSError: for a full disk.
    """
    for failures in count(1):
        try:
            return action()
        except (UserError, Stopped, TypeError, NotImplementedError):
            raise
        except Exception as error:  # each store has classes of its own
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            kind = classify(error)
            if kind != "transient" or failures > retries:
                raise UserError(f"{masked(url)}: {_ADVICE[kind].format(_reason(error))}") from None
        pause(failures, stop or threading.Event(), FIRST_PAUSE)
    raise AssertionError  # count() does not end


def pause(failures: int, stop: threading.Event, first: float, requested: float = 0.0) -> None:
    """Wait before another attempt.

    Args:
        first: seconds before the first one; doubled for each further one, give or take a half so that many clients
            don't return at once.
        requested: seconds that the other side asks for at least.

    Raises:
        Stopped: where `stop` is set meanwhile.
    """
    seconds = min(first * 2 ** max(failures - 1, 0), LONGEST_PAUSE) * random.uniform(0.5, 1.5)
    if stop.wait(max(seconds, requested)):
        raise Stopped


def classify(error: BaseException) -> Failure:
    """What kind of failure an error of any store is."""
    chain = list(_chain(error))
    names = [type(each).__name__ for each in chain]
    if any(map(_OFFLINE.search, names)):
        return "transient"  # before the status: aiohttp gives a body that breaks off the status 400
    status = next((status for each in chain if (status := _status(each))), None)
    if status is not None:
        kinds: dict[int, Failure] = {401: "refused", 403: "refused", 404: "missing", 410: "missing"}
        return kinds.get(status, "transient" if status in TRANSIENT else "other")
    if any(isinstance(each, PermissionError) or _FORBIDDEN.match(str(each)) for each in chain) or any(
        "Credential" in name for name in names
    ):
        return "refused"
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
        return "missing"
    is_mistake = isinstance(error, ValueError) or any("Validation" in name for name in names)
    return "other" if is_mistake else "transient"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what brought it about: some stores call everything FileNotFoundError."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """HTTP status: of aiohttp and gcsfs, requests and httpx, botocore."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    for status in (
        getattr(error, "status", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    ):
        if isinstance(status, int) and status:
            return status
    return None


def _reason(error: BaseException) -> str:
    cause = list(_chain(error))[-1]
    text = masked(str(cause)).strip().partition("\n")[0][:200]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
