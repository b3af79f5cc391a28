"""Files in buckets: servers that speak the protocols of S3 and of Google Cloud Storage, through s3fs and gcsfs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.server import ThreadedMotoServer

from data_prep.download import run
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.formats.source import Source
from pipeline.remote import errors as remote_errors
from pipeline.remote import listing as remote
from tests.command_line import run_pipeline
from tests.data_prep.gcs_server import BREAKS_OFF, IS_SILENT, GoogleStorage
from tests.data_prep.remote_planner import HALVES, SETTINGS, build_shards, print_of

LISTING, MEDIA = "/storage/v1/b/corpora/o", "/download/storage/v1/b/corpora/o"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket named `corpora`, in a store that the environment names."""

    scheme: str
    put_bytes: Callable[[str, bytes], object]

    def put(self, name: str, text: str) -> None:
        self.put_bytes(name, text.encode())


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    """Of a store, one for all tests: s3fs keeps its connections."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_address, monkeypatch) -> Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3CRET")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    requests.post(f"{s3_address}/moto-api/reset").raise_for_status()
    bucket = boto3.resource("s3").create_bucket(Bucket="corpora")
    return Bucket("s3", lambda name, body: bucket.put_object(Key=name, Body=body))


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@pytest.fixture
def google(private_key, monkeypatch, tmp_path) -> Iterator[GoogleStorage]:
    """The store, which the environment names together with the credentials of a service account."""
    with GoogleStorage("corpora") as server:
        account = {"type": "service_account", "client_email": "me@project", "private_key": private_key}
        (tmp_path / "account.json").write_text(json.dumps(account | {"token_uri": f"{server.address}/token"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
        yield server
        server.shutdown()
    remote.open_store("gs://corpora")[0].clear_instance_cache()


@pytest.fixture
def gs(google) -> Bucket:
    return Bucket("gs", google.put)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch) -> None:
    monkeypatch.setattr(remote_errors, "FIRST_PAUSE", 0.01)


@pytest.fixture(params=["s3", "gs"])
def bucket(request) -> Bucket:
    return request.getfixturevalue(request.param)


@pytest.fixture
def texts(make_context, tmp_path) -> Callable[..., dict[str, str]]:
    """Run the stage; returns the texts of what it copied, by their places."""

    def download(*paths: str) -> dict[str, str]:
        folder = tmp_path / "artifact"
        run(DownloadStage(corpus=FilesCorpus(paths=list(paths), format="text")), make_context(folder))
        files = Source.load(folder).files
        return {file.path.partition("/")[2]: (folder / file.path).read_text() for file in files}

    return download


def message(tmp_path: Path, path: str) -> str:
    with pytest.raises(UserError) as caught:
        print_of(tmp_path, path)
    assert "S3CRET" not in str(caught.value)
    return str(caught.value)


def test_objects_folders_and_globs_are_copied(bucket, texts):
    for name in ("c/b.txt", "c/a.txt", "c/deep/d.txt", "c/x.log", "c/c ü#%.txt", "cc/a.txt"):
        bucket.put(name, f"Text of {name}.\n")
    bucket.put("c/", "")  # as consoles mark a folder
    bucket.put("c/deep/", "")

    def names(path: str) -> list[str]:
        copied = texts(f"{bucket.scheme}://corpora/{path}")
        assert copied == {name: f"Text of {name.partition('/')[2]}.\n" for name in copied}
        return [name.partition("/")[2] for name in copied]

    assert names("c/a.txt") == ["c/a.txt"]
    assert names("c/*.txt") == ["c/a.txt", "c/b.txt", "c/c ü#%.txt"]
    assert names("c/**/d.txt") == ["c/deep/d.txt"]
    assert names("c/") == names("c") == ["c/a.txt", "c/b.txt", "c/c ü#%.txt", "c/deep/d.txt", "c/x.log"]


def test_the_fingerprint_follows_the_content(bucket, tmp_path):
    address = f"{bucket.scheme}://corpora"
    bucket.put("a.txt", "one")
    before = print_of(tmp_path, f"{address}/a.txt")
    assert print_of(tmp_path, f"{address}/*.txt") == before
    bucket.put("a.txt", "one")
    assert print_of(tmp_path, f"{address}/a.txt") == before
    bucket.put("a.txt", "0ne")
    assert print_of(tmp_path, f"{address}/a.txt") != before


def test_what_is_not_there_is_said(bucket, tmp_path):
    bucket.put("a.txt", "one")
    for path in ("corpora/absent.txt", "corpora/absent/", "corpora/absent/*.txt", "nowhere", "nowhere/*.txt"):
        expected = f"{bucket.scheme}://{path}: there is no such object, folder or bucket"
        assert expected in message(tmp_path, f"{bucket.scheme}://{path}")
    assert "no file at" in message(tmp_path, f"{bucket.scheme}://corpora/*.jsonl")


def test_the_planner_goes_from_a_bucket_to_shards_and_reuses_them(bucket, tmp_path):
    for part, text in enumerate(HALVES):
        bucket.put(f"c/{part}.txt", text)
    words = ["corpus.split_documents=true", f"corpus.paths=['{bucket.scheme}://corpora/c/*.txt']"]
    build_shards(tmp_path, *words)
    assert build_shards(tmp_path, *words).count("reused") >= 4
    manifests = {path.parts[-3]: path.read_text() for path in tmp_path.glob("artifacts/*/*/manifest.json")}
    assert json.loads(manifests["clean"])["metrics"]["documents"] == 100
    assert not any("S3CRET" in manifest for manifest in manifests.values())


def test_answers_that_fail_or_break_off_are_asked_for_again(google, gs, texts):
    text = "Ein Text.\n" * 2000
    gs.put("a.txt", text)
    google.faults = {LISTING: [503], f"{MEDIA}/a.txt": [BREAKS_OFF]}
    assert texts("gs://corpora/*.txt") == {"corpora/a.txt": text}
    assert google.faults == {LISTING: [], f"{MEDIA}/a.txt": []}


def test_a_store_that_falls_silent_is_asked_again(google, gs, texts, monkeypatch):
    monkeypatch.setattr(remote, "READ_SECONDS", 1)
    gs.put("a.txt", "Ein Text.\n")
    google.faults = {f"{MEDIA}/a.txt": [IS_SILENT]}
    assert texts("gs://corpora/a.txt") == {"corpora/a.txt": "Ein Text.\n"}
    assert google.silences == 0, "it was asked again before it had answered"


def test_a_large_object_comes_in_parts(google, gs, texts):
    text = "".join(f"{n:0127}\n" for n in range(900_000))  # gcsfs splits those above 100 MiB
    gs.put("a.txt", text)
    google.faults = {f"{MEDIA}/a.txt": [503, BREAKS_OFF]}
    assert texts("gs://corpora/a.txt") == {"corpora/a.txt": text}


def test_refused_access_is_said(gs, tmp_path, texts):
    gs.put("private.txt", "one")
    for path in ("gs://private/a.txt", "gs://private/*.txt", "gs://private"):
        said = message(tmp_path, path)
        assert "access is refused" in said
        assert "GOOGLE_APPLICATION_CREDENTIALS" in said
    with pytest.raises(UserError, match="access is refused"):
        texts("gs://corpora/private.txt")


@pytest.mark.usefixtures("gs")
def test_who_has_no_credentials_reads_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    done = run_pipeline(tmp_path, "corpus.paths=['gs://corpora/a.txt']", base=SETTINGS, timeout=120)
    assert done.stderr.startswith("error: corpus.paths: gs://corpora/a.txt: access is refused")
    assert done.stderr.count("\n") == 1


def test_a_proxy_that_the_environment_names_is_used(google, gs, texts, monkeypatch):
    gs.put("a.txt", "Ein Text.\n")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://storage.invalid")
    monkeypatch.setenv("HTTP_PROXY", google.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert texts("gs://corpora/a.txt") == {"corpora/a.txt": "Ein Text.\n"}
