"""What is asked of every request before anything is done for it: the key, its kind, its size, and to come in time."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request

from pipeline.text.surrogates import take_out_surrogates

MOST_BYTES = 1_000_000
"""Of a request's body."""
SECONDS = 20.0
"""Until a body must have come."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, message: str, status: int, param: str | None = None):
        super().__init__(message)
        self.status, self.param = status, param


def check_key(headers: Mapping[str, str], key: str | None) -> None:
    """Raises: Refused: where the server has a key and the request another one, or none."""
    given = headers.get("authorization", "").removeprefix("Bearer ")
    if key is not None and not hmac.compare_digest(given.encode(), key.encode()):
        raise Refused("the key is missing or wrong: send it as `Authorization: Bearer KEY`", 401)


async def read_json(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Another content type is refused, since browsers let any page send those to a server on this machine.

    Raises:
        Refused: where it is something else, too large, or does not come.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused("the content type must be application/json", 415)
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise Refused(f"the request is larger than {MOST_BYTES:,} bytes", 413)
    except TimeoutError:
        raise Refused(f"the request did not come whole within {SECONDS:g} seconds", 408) from None
    except ClientDisconnect:
        raise Refused("the client went away before its request was whole", 499) from None  # nobody reads it
    try:
        value, halves = take_out_surrogates(json.loads(body.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise Refused(f"the request is no JSON: {error}", 400) from None
    if halves:
        raise Refused("a text of the request holds half of a surrogate pair, which is no character", 400)
    if not isinstance(value, dict):
        raise Refused("the request must be a JSON object", 400)
    return value
