"""A small server that speaks as much of the Hugging Face hub's protocol as is needed to fetch a model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(name: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves the folder's files as the model `name`; gives the server's address, and the paths that are asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            path = self.path.split("?")[0]
            if with_body:
                asked.append(path)
            files = {file.name: file.read_bytes() for file in folder.iterdir()}
            if path == f"/api/models/{name}/revision/main":
                siblings = [{"rfilename": file} for file in files]
                return self._send({}, json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode())
            if path == f"/api/models/{name}/tree/{COMMIT}":
                tree = [
                    {
                        "type": "file",
                        "path": file,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for file, content in files.items()
                ]
                return self._send({}, json.dumps(tree).encode())
            if (file := path.removeprefix(f"/{name}/resolve/{COMMIT}/")) in files:
                etag = f'"{hashlib.sha1(files[file]).hexdigest()}"'
                return self._send(
                    {"ETag": etag, "X-Repo-Commit": COMMIT}, files[file] if with_body else b"", files[file]
                )
            self._send({"X-Error-Code": "RepoNotFound"}, b"", status=404)
            return None

        def _send(
            self, headers: dict[str, str], body: bytes, whole: bytes | None = None, status: int = 200
        ) -> None:
            self.send_response(status)
            for key, value in {
                **headers,
                "Content-Length": str(len(body if whole is None else whole)),
            }.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
