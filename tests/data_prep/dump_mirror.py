"""A mirror of Wikimedia dumps on this machine that misbehaves on demand."""

import hashlib
import http.server
import json
import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mirror:
    """Serves `files` by path. What it should do wrong, it does as often as it is told."""

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: dict[str, list[int]] = field(default_factory=dict)
    """Per path, for the next answers: close the connection after so many bytes of the body."""
    fail_with: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Per path, for the next answers: a status and a Retry-After."""
    busy: dict[str, float] = field(default_factory=dict)
    """Per path: seconds from the first request on for which it answers 503, with the rest of them as Retry-After."""
    busy_until: dict[str, float] = field(default_factory=dict)
    ignore_range: bool = False
    requests: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Path, Range header and user agent of every request."""
    url: str = ""

    def ranges(self, name: str) -> list[str | None]:
        return [asked for path, asked, _ in self.requests if path.endswith(name)]

    def add_dump(self, project: str, date: str, files: dict[str, bytes], status: str = "done") -> None:
        """Publish files of a dump with dumpstatus.json, as one job."""
        folder = f"/{project}/{date}"
        facts = {
            name: {"size": len(body), "sha1": hashlib.sha1(body).hexdigest(), "url": f"{folder}/{name}"}
            for name, body in files.items()
        }
        jobs = {"articlesmultistreamdump": {"status": status, "files": facts}}
        self.files |= {f"{folder}/{name}": body for name, body in files.items()}
        self.files[f"{folder}/dumpstatus.json"] = json.dumps({"jobs": jobs}).encode()
        listed = self.files.get(f"/{project}/", b"") + f'<a href="{date}/">{date}</a>\n'.encode()
        self.files[f"/{project}/"] = listed


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def do_GET(self) -> None:
        mirror, asked = self.mirror, self.headers.get("Range")
        mirror.requests.append((self.path, asked, self.headers.get("User-Agent", "")))
        if mirror.fail_with.get(self.path):
            status, retry_after = mirror.fail_with[self.path].pop(0)
            return self._answer(status, b"", {"Retry-After": retry_after})
        if self.path in mirror.busy:
            until = mirror.busy_until.setdefault(self.path, time.monotonic() + mirror.busy[self.path])
            if (rest := until - time.monotonic()) > 0:
                return self._answer(503, b"", {"Retry-After": str(math.ceil(rest))})
        body = mirror.files.get(self.path)
        if body is None:
            return self._answer(404, b"", {})
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and not mirror.ignore_range else 0
        if start >= len(body) > 0:
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
        headers = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        return self._answer(206 if start else 200, body[start:], headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        limits = self.mirror.break_after.get(self.path)
        if status in (200, 206) and limits:
            self.wfile.write(body[: limits.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield mirror
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
