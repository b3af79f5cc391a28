"""A server that speaks the JSON API of Google Cloud Storage as far as one reads from it, and issues its tokens.

Listings come in pages of two. Objects and buckets that begin with `private` may not be read.
"""

import base64
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

TOKEN, PAGE, SILENCE_SECONDS = "S3CRET", 2, 30
IS_SILENT, BREAKS_OFF = 0, 200  # faults besides a status
REASONS = {401: "required", 403: "forbidden", 404: "notFound", 503: "backendError"}


class GoogleStorage(ThreadingHTTPServer):
    """A store of one bucket, in this process. The next answers at a path go wrong as `faults` has it."""

    daemon_threads = True

    def __init__(self, bucket: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bucket, self.address = bucket, f"http://127.0.0.1:{self.server_port}"
        self.objects: dict[str, tuple[dict, bytes]] = {}
        self.faults: dict[str, list[int]] = {}
        self.silences = 0
        """How many silences the server has kept to their end."""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Of a client that hangs up while it is answered; the tests see what became of that."""

    def put(self, name: str, body: bytes) -> None:
        now = time.time_ns()
        resource = {
            "kind": "storage#object", "bucket": self.bucket, "name": name, "size": str(len(body)),
            "md5Hash": base64.b64encode(hashlib.md5(body).digest()).decode(),
            "generation": str(now), "metageneration": "1", "etag": f"{now}/1",  # others with each writing
            "updated": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now // 10**9)),
        }  # fmt: skip
        self.objects[name] = (resource, body)


class Handler(BaseHTTPRequestHandler):
    server: GoogleStorage

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query, objects = dict(parse_qsl(url.query)), self.server.objects
        parts = re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)(/o)?/?([^/]*)", url.path).groups("")
        bucket, is_inside, name = map(unquote, parts)
        faults = self.server.faults.get(unquote(url.path))
        fault = faults.pop(0) if faults else None
        if fault == IS_SILENT:
            time.sleep(SILENCE_SECONDS)
            self.server.silences += 1
        elif fault not in (None, BREAKS_OFF):
            self.answer(fault)
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401)
        elif bucket.startswith("private") or name.startswith("private"):
            self.answer(403)
        elif bucket != self.server.bucket or (name and name not in objects):
            self.answer(404)
        elif query.get("alt") == "media":
            self.answer_media(objects[name][1], fault == BREAKS_OFF)
        elif name:
            self.answer(200, objects[name][0])
        else:
            self.answer(200, list_page(objects, query) if is_inside else {"name": bucket})

    def answer_media(self, body: bytes, breaks_off: bool) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        part = body[int(asked[1]) : int(asked[2]) + 1] if asked else body
        self.send(206 if asked else 200, part, len(part) // 2 if breaks_off else len(part))

    def answer(self, status: int, content: dict | None = None) -> None:
        error = {"code": status, "message": REASONS.get(status), "errors": [{"reason": REASONS.get(status)}]}
        body = json.dumps(content or {"error": error}).encode()
        self.send(status, body, len(body))

    def send(self, status: int, body: bytes, sent: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *_: object) -> None:
        pass


def list_page(objects: dict[str, tuple[dict, bytes]], query: dict[str, str]) -> dict:
    """Objects and, where a delimiter ends the names, folders; a page's token is the last name of the one before."""
    prefix, delimiter, after = (query.get(key, "") for key in ("prefix", "delimiter", "pageToken"))
    names = [name for name in objects if name.startswith(prefix)]
    ends = {name: name.find(delimiter, len(prefix)) if delimiter else -1 for name in names}
    folders = {name[: end + 1] for name, end in ends.items() if end >= 0}
    files = {name for name, end in ends.items() if end < 0}
    rest = sorted(name for name in files | folders if name > after)
    page = rest[: min(PAGE, int(query["maxResults"]))]
    token = {"nextPageToken": page[-1]} if len(rest) > len(page) else {}
    items = [objects[name][0] for name in page if name in files]
    return {"kind": "storage#objects", "items": items, "prefixes": [n for n in page if n in folders], **token}
