"""A web server with the files of a folder, as a process: `python object_server.py FOLDER LOG`; prints its port.

It gives ETags and lists folders. What begins with `private` is refused; `slow` files take a second per 10 kB; of a
`flaky` file the first answer is a 503 and the second breaks off. The log has a line per answer with a file's bytes.
"""

import hashlib
import http.server
import sys
import time
from pathlib import Path
from urllib.parse import unquote

FOLDER, LOG = Path(sys.argv[1]), Path(sys.argv[2])
SLOW_BYTES, SLOW_SECONDS = 1000, 0.1


class Handler(http.server.BaseHTTPRequestHandler):
    flaws: dict[str, int] = {}  # noqa: RUF012

    def do_HEAD(self) -> None:
        path = FOLDER / unquote(self.path).lstrip("/")
        if path.name.startswith("private"):
            return self.answer(403)
        if path.is_dir():
            names = sorted(each.name + "/" * each.is_dir() for each in path.iterdir())
            links = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
            return self.answer(200, links.encode(), {"Content-Type": "text/html"})
        if not path.is_file():
            return self.answer(404)
        body = path.read_bytes()
        headers = {"Content-Type": "application/octet-stream"}
        if not path.name.startswith("unmarked"):
            headers["ETag"] = f'"{hashlib.md5(body).hexdigest()}"'
        return self.answer(200, body, headers)

    do_GET = do_HEAD

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        name, sent = Path(self.path).name, len(body)
        is_file = self.command == "GET" and (headers or {}).get("Content-Type") == "application/octet-stream"
        if is_file and name.startswith("flaky"):
            time_asked = self.flaws[name] = self.flaws.get(name, 0) + 1
            status, sent = 503 if time_asked == 1 else status, len(body) // 2 if time_asked == 2 else sent
        if is_file and status == 200:
            with LOG.open("a") as log:
                log.write(f"{self.path}\n")
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, sent, SLOW_BYTES) if name.startswith("slow") else ():
            self.wfile.write(body[start : start + SLOW_BYTES])
            time.sleep(SLOW_SECONDS)
        if not name.startswith("slow"):
            self.wfile.write(body[:sent])

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
