"""Files in S3: a server that speaks its protocol, through s3fs."""

import json
from collections.abc import Iterator

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from data_prep.download import run
from pipeline import remote_errors
from pipeline.config.data import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.source import Source
from tests.data_prep.remote_planner import HALVES, build_shards, print_of


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a store, one for all tests: s3fs keeps its connections."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address, monkeypatch):
    """An empty bucket named `corpora`, in a store that the environment names."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3CRET")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(remote_errors, "FIRST_PAUSE", 0.01)
    requests.post(f"{address}/moto-api/reset").raise_for_status()
    return boto3.resource("s3").create_bucket(Bucket="corpora")


def put(bucket, name: str, text: str) -> None:
    bucket.put_object(Key=name, Body=text.encode())


def test_objects_folders_and_globs_are_copied(bucket, make_context, tmp_path):
    for name in ("c/b.txt", "c/a.txt", "c/deep/d.txt", "c/x.log"):
        put(bucket, name, f"Text of {name}.\n")

    def names(*paths: str) -> list[str]:
        folder = tmp_path / "artifact"
        run(DownloadStage(corpus=FilesCorpus(paths=list(paths), format="text")), make_context(folder))
        files = Source.load(folder).files
        for file in files:
            name = file.path.partition("/corpora/")[2]
            assert (folder / file.path).read_text() == f"Text of {name}.\n"
        return [file.path.partition("/corpora/")[2] for file in files]

    assert names("s3://corpora/c/a.txt") == ["c/a.txt"]
    assert names("s3://corpora/c/*.txt") == ["c/a.txt", "c/b.txt"]
    assert names("s3://corpora/c/") == ["c/a.txt", "c/b.txt", "c/deep/d.txt", "c/x.log"]


def test_the_fingerprint_follows_the_content(bucket, tmp_path):
    put(bucket, "a.txt", "one")
    before = print_of(tmp_path, "s3://corpora/a.txt")
    assert print_of(tmp_path, "s3://corpora/*.txt") == before
    put(bucket, "a.txt", "one")
    assert print_of(tmp_path, "s3://corpora/a.txt") == before
    put(bucket, "a.txt", "0ne")
    assert print_of(tmp_path, "s3://corpora/a.txt") != before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3://corpora/absent.txt", "there is no such object, folder or bucket"),
        ("s3://nowhere/*.txt", "there is no such object, folder or bucket"),
        ("s3://corpora/*.jsonl", "no file at"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_said(tmp_path, path, message):
    with pytest.raises(UserError, match=message) as caught:
        print_of(tmp_path, path)
    assert "S3CRET" not in str(caught.value)


def test_the_planner_goes_from_a_bucket_to_shards_and_reuses_them(bucket, tmp_path):
    for part, text in enumerate(HALVES):
        put(bucket, f"c/{part}.txt", text)
    build_shards(tmp_path, "corpus.paths=['s3://corpora/c/*.txt']")
    assert build_shards(tmp_path, "corpus.paths=['s3://corpora/c/*.txt']").count("reused") >= 4
    manifests = {path.parts[-3]: path.read_text() for path in tmp_path.glob("artifacts/*/*/manifest.json")}
    assert json.loads(manifests["clean"])["metrics"]["documents"] == 100
    assert not any("S3CRET" in manifest for manifest in manifests.values())
