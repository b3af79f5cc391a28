"""A small server of the hub's protocol for what is sent to it, and `make publish` that sends."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def hub(*, allows: bool = True) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """The server's address, the files that were committed to it (`branch:path` of another than the main one), and the
    paths that were asked for."""
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer({}, 200 if allows else 403)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            asked.append(self.path)
            if not allows:
                return self._answer({"error": "no"}, 403)
            if self.path.endswith("/create"):
                return self._answer({"url": f"http://{self.headers['Host']}/me/demo"})
            if "/preupload/" in self.path:
                modes = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self._answer({"files": modes})
            if "/commit/" not in self.path:  # it lets the card be looked at, too
                return self._answer({"errors": [], "warnings": []})
            branch = self.path.rpartition("/")[2]
            prefix = "" if branch == "main" else f"{branch}:"
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    files[prefix + line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self._answer(
                {"commitUrl": f"http://{self.headers['Host']}/me/demo/commit/1", "commitOid": "1"}
            )

        def _answer(self, content: dict[str, object], status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", files, asked
    finally:
        server.shutdown()


def publish(folder: Path, endpoint: str, *words: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_none", "HF_HOME": str(folder / "hf")}
    env |= {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    env.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-m", "inference.publish", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
