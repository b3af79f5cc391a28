"""`make publish` against a small server of the hub's protocol."""

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

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A run's export, in small."""
    folder = tmp_path / "runs" / "demo" / "export" / "model"
    (folder / "gguf").mkdir(parents=True)
    for name in ("config.json", "README.md", "gguf/model-f16.gguf"):
        (folder / name).write_text(f"of {name}")
    return folder


@contextmanager
def hub(*, allows: bool = True) -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """The server's address, the files that were committed to it, and the paths that were asked for."""
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
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
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


def test_nothing_is_sent_until_it_is_said(export: Path, tmp_path: Path) -> None:
    with hub() as (endpoint, files, asked):
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo")
        assert ended.returncode == 0, ended.stderr
        assert "gguf/model-f16.gguf" in ended.stdout
        assert "would send 3 files" in ended.stdout
        assert not asked
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo", "send=true")
        assert ended.returncode == 0, ended.stderr
        assert "sent 3 files" in ended.stdout
        assert files == {
            name: f"of {name}".encode() for name in ("config.json", "README.md", "gguf/model-f16.gguf")
        }


def test_what_the_hub_refuses_is_told_with_what_to_do(export: Path, tmp_path: Path) -> None:
    with hub(allows=False) as (endpoint, files, _):
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo", "send=true")
    assert ended.returncode == 2
    assert "hf auth login" in ended.stderr
    assert not files


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["demo", "model=demo"], "name it OWNER/NAME"),
        (["me/demo", "model=other"], "other"),
        (["me/demo", "modle=demo"], "did you mean model?"),
    ],
)
def test_mistakes_are_told(export: Path, tmp_path: Path, words: list[str], says: str) -> None:
    ended = publish(tmp_path, "http://127.0.0.1:9", *words)
    assert ended.returncode == 2
    assert says in ended.stderr
