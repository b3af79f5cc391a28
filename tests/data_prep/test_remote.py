"""Files in stores where local paths may stand, with a web server in the place of one."""

import bz2
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.download import run
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.corpora.wikitext import WikiTextCorpus
from pipeline.config.parsing import parse_config
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.formats.documents import read_texts
from pipeline.formats.source import Source
from pipeline.remote import errors as remote_errors
from tests.command_line import ROOT, environment
from tests.data_prep.remote_planner import HALVES, SENTENCES, build_shards, print_of

SERVER = Path(__file__).with_name("object_server.py")
PAGE = "<page><title>T</title><ns>0</ns><id>1</id><revision><id>2</id><text>Some '''words'''.</text></revision></page>"


@dataclass(frozen=True)
class Store:
    """The server's folder and address."""

    folder: Path
    url: str
    log: Path

    def write(self, name: str, body: str | bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body.encode() if isinstance(body, str) else body)
        return f"{self.url}/{name}"

    def sent(self) -> Counter:
        """How many times each file was sent."""
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    folder, log = tmp_path / "store", tmp_path / "sent.log"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, SERVER, folder, log], stdout=subprocess.PIPE, text=True)
    yield Store(folder, f"http://127.0.0.1:{process.stdout.readline().strip()}", log)
    process.kill()
    process.wait()


@pytest.fixture
def download(make_context, tmp_path) -> Callable[..., tuple[dict, Source]]:
    """Run the stage; returns its metrics and its source.json."""

    def run_stage(corpus) -> tuple[dict, Source]:
        folder = tmp_path / "artifact"
        return run(DownloadStage(corpus=corpus), make_context(folder)), Source.load(folder)

    return run_stage


@pytest.fixture
def quick_retries(monkeypatch) -> None:
    monkeypatch.setattr(remote_errors, "FIRST_PAUSE", 0.01)


def write_example(store: Store, name: str) -> None:
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": ["Ein Text.", "Noch einer."]}), store.folder / name)
    elif name.endswith(".jsonl"):
        store.write(name, json.dumps({"text": "Ein Text."}) + "\n")
    elif name.endswith(".bz2"):
        store.write(name, bz2.compress(f"<mediawiki>{PAGE}</mediawiki>".encode()))
    else:
        store.write(name, "Ein Text.\n")


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.txt", "text"), ("a.jsonl", "jsonl"), ("a.parquet", "parquet"), ("wiki.xml.bz2", "mediawiki")],
)
def test_files_are_copied_into_the_artifact(store, download, tmp_path, name, file_format):
    write_example(store, name)
    metrics, source = download(FilesCorpus(paths=[f"{store.url}/{name}"]))
    (file,) = source.files
    assert (source.format, metrics["files"]) == (file_format, 1)
    assert not Path(file.path).is_absolute()
    assert (tmp_path / "artifact" / file.path).read_bytes() == (store.folder / name).read_bytes()


def test_files_that_become_documents_leave_no_copies(store, download, tmp_path):
    store.write("a.csv", 'text,n\n"Ein Text,\nlang.",1\n')
    metrics, source = download(FilesCorpus(paths=[f"{store.url}/a.csv"]))
    assert (source.format, metrics["documents"]) == ("documents", 1)
    assert list(read_texts(tmp_path / "artifact" / "documents", "all")) == ["Ein Text,\nlang."]
    assert not list((tmp_path / "artifact").rglob("*.csv"))


def test_folders_globs_hidden_and_empty_files(store, download, tmp_path):
    for name in ("c/b.txt", "c/a.txt", "c/deep/a.txt", "c/deep/deeper/d.txt", "c/.hidden.txt", "c/x.log"):
        write_example(store, name)
    store.write("c/empty.txt", "")
    local = tmp_path / "local.txt"
    local.write_text("Hier.")

    def names(*paths: str) -> list[str]:
        _, source = download(FilesCorpus(paths=list(paths), format="text"))
        return [file.path.partition("/c/")[2] or file.path for file in source.files]

    assert names(f"{store.url}/c/") == ["a.txt", "b.txt", "deep/a.txt", "deep/deeper/d.txt", "x.log"]
    assert names(f"{store.url}/c/*.txt") == ["a.txt", "b.txt"]
    assert names(f"{store.url}/c/*/*.txt") == ["deep/a.txt"]
    assert names(f"{store.url}/c/**/a.txt", f"{store.url}/c/a.txt") == ["a.txt", "deep/a.txt"]
    assert names(f"{store.url}/c/a.txt", str(local)) == [str(local), "a.txt"]
    assert names(f"file://{store.folder}/c/deep") == ["deep/a.txt", "deep/deeper/d.txt"]


def test_fingerprint_follows_content_and_names(store, tmp_path):
    address = store.write("c/a.txt", "one")
    store.write("c/b.txt", "two")
    before = print_of(tmp_path, f"{store.url}/c/")
    assert print_of(tmp_path, f"{store.url}/c/*.txt", address) == before
    os.utime(store.folder / "c/a.txt", (1, 1))
    assert print_of(tmp_path, f"{store.url}/c/") == before
    store.write("c/a.txt", "0ne")
    changed = print_of(tmp_path, f"{store.url}/c/")
    store.write("c/c.txt", "three")
    assert len({before, changed, print_of(tmp_path, f"{store.url}/c/")}) == 3
    assert not store.sent()  # nothing is downloaded to plan


def test_a_file_of_which_no_change_would_be_seen_is_refused(store, tmp_path):
    with pytest.raises(UserError, match=r"unmarked\.txt: the server gives neither a checksum"):
        print_of(tmp_path, store.write("unmarked.txt", "text"))


@pytest.mark.usefixtures("quick_retries")
def test_transient_failures_are_tried_again(store, download, tmp_path):
    text = "Ein Text.\n" * 2000
    _, source = download(FilesCorpus(paths=[store.write("flaky.txt", text)]))
    assert (tmp_path / "artifact" / source.files[0].path).read_text() == text
    assert not list((tmp_path / "artifact").rglob("*.tmp"))


@pytest.mark.usefixtures("quick_retries")
def test_each_trouble_has_one_message(store, tmp_path):
    def message(path: str) -> str:
        with pytest.raises(UserError) as caught:
            print_of(tmp_path, path)
        return str(caught.value)

    store.write("private.txt", "text")
    store.write("c/a.txt", "text")
    assert "absent.txt: there is no such object, folder or bucket" in message(f"{store.url}/absent.txt")
    assert "there is no such object, folder or bucket" in message(f"{store.url}/absent/*.txt")
    assert "no file at" in message(f"{store.url}/c/*.jsonl")
    assert "access is refused" in message(f"{store.url}/private.txt")
    assert "cannot be reached" in message("http://127.0.0.1:9/a.txt")
    assert "no file at" in message(f"file://{tmp_path}/nowhere/*") or "no such" in message(
        f"file://{tmp_path}/nowhere"
    )
    assert "Protocol not known" in message("nonsense://bucket/a.txt")


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "s3"), ("gs", "gcs")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, scheme, extra):
    for module in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"'\.\[{extra}\]'"):
        print_of(tmp_path, f"{scheme}://bucket/a.txt")


@pytest.mark.parametrize(
    "path",
    ["https://me:S3CRET@host/a.txt", "https://host/a.txt?X-Amz-Signature=S3CRET", "https://S3CRET@host/a.txt",
     "s3://me:S3CRET@bucket/a.txt", "az://box/a.txt?sig=S3CRET", "zip://a.txt::https://me:S3CRET@host/a.zip"],
)  # fmt: skip
@pytest.mark.parametrize("finetunes", [False, True])
def test_secrets_are_refused_and_not_repeated(path, finetunes):
    corpus = {"kind": "files", "paths": ["a.txt" if finetunes else path]}
    values = {"corpus": corpus, "model": {"family": "decoder"}, "trainer": {"steps": 1}}
    values |= {"launcher": {"kind": "local"}, "optim": {"name": "adamw"}, "schedule": {"name": "linear"}}
    if finetunes:
        values["finetune"] = {"task": "instruct", "data": {"train": path}}
    with pytest.raises(UserError, match="finetune.data.train" if finetunes else "corpus.paths") as caught:
        parse_config(values)
    assert "S3CRET" not in str(caught.value)


def test_the_store_of_artifacts_must_be_a_file_system():
    values = {"corpus": {"kind": "python_docs"}, "model": {"family": "decoder"}, "trainer": {"steps": 1}}
    values |= {
        "launcher": {"kind": "local"},
        "run": {"artifacts": "s3://bucket/artifacts", "runs": "gs://b/runs"},
    }
    with pytest.raises(
        UserError, match=r"run\.artifacts=s3://bucket/artifacts must be a folder, on a file system"
    ) as e:
        parse_config(values)
    assert "runs=gs://b/runs" in str(e.value)


def test_several_ranks_locate_the_same_folder_at_once(store, make_context, tmp_path):
    store.write("tok/slow.json", "{}" * 1000)
    store.write("tok/deep/b.txt", "b")
    contexts = [make_context(tmp_path / "artifact") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda context: context.locate(f"{store.url}/tok/"), contexts))
    (folder,) = found
    assert folder.name == "tok"
    assert (folder / "slow.json").read_text() == "{}" * 1000
    assert store.sent() == {"/tok/slow.json": 1, "/tok/deep/b.txt": 1}
    assert contexts[0].locate(f"{store.url}/tok/deep/b.txt").read_text() == "b"
    assert [path.name for path in contexts[0].locate_files([f"{store.url}/tok/*.json"])] == ["slow.json"]


def test_wikitext_in_a_store(store, download, tmp_path):
    for name in ("train", "valid", "test"):
        for form in ("tokens", "raw"):
            store.write(f"wt/wiki.{name}.{form}", " = Title = \n")
    _, source = download(WikiTextCorpus(path=f"{store.url}/wt/", form="raw"))
    assert [file.path for file in source.files] == ["wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"]
    assert all((tmp_path / "artifact" / file.path).is_file() for file in source.files)
    assert "/wt/wiki.test.tokens" not in store.sent()


DOWNLOAD = """
import logging, sys
from pathlib import Path
from data_prep.download import run
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.run import RunConfig
from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.tracking.tracker import Tracker

context = Context(Path(sys.argv[1]), {}, Tracker(None), logging.getLogger(), RunConfig(progress=False))
run(DownloadStage(corpus=FilesCorpus(paths=[sys.argv[2]])), context)
"""


def test_a_killed_download_goes_on(store, download, tmp_path):
    store.write("c/a.txt", "Ein Text.\n")
    store.write("c/slow.txt", "Noch einer.\n" * 1500)
    folder = tmp_path / "artifact"
    folder.mkdir()
    words = [sys.executable, "-c", DOWNLOAD, str(folder), f"{store.url}/c/"]
    process = subprocess.Popen(words, cwd=ROOT, env=environment())
    deadline = time.monotonic() + 120
    while not (list(folder.rglob("slow.txt.tmp")) and list(folder.rglob("a.txt"))):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not list(folder.rglob("slow.txt"))
    _, source = download(FilesCorpus(paths=[f"{store.url}/c/"]))
    assert store.sent() == {"/c/a.txt": 1, "/c/slow.txt": 2}
    assert [Path(file.path).name for file in source.files] == ["a.txt", "slow.txt"]
    assert (folder / source.files[1].path).read_text() == "Noch einer.\n" * 1500


def test_the_planner_goes_from_addresses_to_shards_and_reuses_them(store, tmp_path):
    for part, text in enumerate(HALVES):
        store.write(f"c/{part}.txt", text)
    words = [
        f"corpus.paths=['{store.url}/c/*.txt']", "clean.contamination.action=drop",
        f"clean.contamination.files=[{store.write('held-out.txt', ' '.join(SENTENCES[:10]))}]",
    ]  # fmt: skip
    build_shards(tmp_path, *words)
    (stats,) = tmp_path.glob("artifacts/clean/*/stats.json")
    dropped = json.loads(stats.read_text())["dropped"]
    assert dropped["evaluation_text"]["documents"] == 1
    sent = store.sent()
    build_shards(tmp_path, *words)
    assert store.sent() == sent
    assert len(list(tmp_path.glob("artifacts/shards/*/index.json"))) == 1
    for manifest in tmp_path.glob("artifacts/*/*/manifest.json"):
        assert "scratch" not in manifest.read_text()
