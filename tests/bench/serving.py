"""Serving many clients against one: tokens a second of a server that is really started, with the newest run's model.

Each client asks one question after the other, over HTTP, and waits for the whole answer. A request that fails ends the
benchmark with what the server said.
"""

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.bench.table import Row

CLIENTS, TOKENS = 50, 48
ALONE = 20
"""Seconds that one client has the server for itself."""


def bench_serving(seconds: float) -> Iterator[Row]:
    """Args: seconds: how long all clients ask."""
    if not list(Path("runs").glob("*/pretrain/manifest.json")):
        yield "serving", "skipped: there is no run with a model; make demo makes one", "", ""
        return
    with _server() as address:
        _ask(address, 0)  # the first is slower
        alone, _ = _ask_until(address, 1, ALONE)
        together, answers = _ask_until(address, CLIENTS, seconds)
    yield (
        f"serving {CLIENTS} clients for {seconds:g} s, {answers:,} answers and no failed request, against one client",
        f"{together:,.0f} tokens/s",
        f"{alone:,.0f} tokens/s",
        f"{together / alone:.1f}×",
    )


@contextmanager
def _server() -> Iterator[str]:
    """The address of a server of the newest run's model."""
    with subprocess.Popen(
        [sys.executable, "-m", "inference.serve", "port=0"],
        env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not (found := re.search(r"http://[\d.]+:\d+", line)):
                raise SystemExit("the server did not start")
            yield found[0]
        finally:
            process.terminate()


def _ask_until(address: str, clients: int, seconds: float) -> tuple[float, int]:
    """Tokens a second that the clients get together, and how many answers."""
    started = time.monotonic()

    def client(number: int) -> tuple[int, int]:
        tokens = 0
        for answers in itertools.count():
            if time.monotonic() - started > seconds:
                return tokens, answers
            tokens += _ask(address, number)
        raise AssertionError

    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(client, range(clients)))
    return sum(tokens for tokens, _ in found) / (time.monotonic() - started), sum(n for _, n in found)


def _ask(address: str, number: int) -> int:
    """How many tokens an answer has."""
    body = {"prompt": f"Client {number} asks what a list is.", "max_tokens": TOKENS, "temperature": 0.9}
    answer = requests.post(f"{address}/v1/completions", json=body, timeout=120)
    if answer.status_code != 200:
        raise SystemExit(f"a request failed with {answer.status_code}: {answer.text}")
    return answer.json()["usage"]["completion_tokens"]
