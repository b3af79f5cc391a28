"""Dumps from a mirror that breaks connections, ignores ranges, is busy, or serves wrong bytes."""

import bz2
import hashlib
import json
import random
import time
from pathlib import Path

import pytest

from data_prep.download import run
from data_prep.sources import wikipedia
from data_prep.sources.http import CHUNK_BYTES, Downloader
from pipeline.config.corpora.wikipedia import WikipediaCorpus
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.formats.source import Source
from tests.data_prep.dump_mirror import Mirror, serving

DATE = "20260301"
FIRST = f"testwiki-{DATE}-pages-articles-multistream1.xml-p1p10.bz2"
SECOND = f"testwiki-{DATE}-pages-articles-multistream2.xml-p11p20.bz2"
TENTH = f"testwiki-{DATE}-pages-articles-multistream10.xml-p91p99.bz2"


def dump_part(seed: int, size: int = 200_000) -> bytes:
    text = random.Random(seed).randbytes(size).hex()[:size]
    return bz2.compress(f"<mediawiki><page>{text}</page></mediawiki>".encode())


PARTS = {TENTH: dump_part(10), SECOND: dump_part(2), FIRST: dump_part(1)}
INDEX = f"testwiki-{DATE}-pages-articles-multistream-index1.txt-p1p10.bz2"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Mirror()) as mirror:
        mirror.add_dump("testwiki", DATE, {**PARTS, INDEX: b"0:1:Page"})
        yield mirror


def fetch(mirror: Mirror, context, **settings) -> Source:
    corpus = WikipediaCorpus(**{"project": "testwiki", "mirror": mirror.url, "retries": 3, **settings})
    return wikipedia.fetch(corpus, context, first_pause=0.01)


def path_of(name: str) -> str:
    return f"/testwiki/{DATE}/{name}"


def test_all_parts_arrive_in_page_order(mirror, make_context, tmp_path):
    config = DownloadStage(corpus=WikipediaCorpus(project="testwiki", mirror=mirror.url))
    metrics = run(config, make_context(tmp_path))
    source = Source.load(tmp_path)
    assert metrics["files"] == 3
    assert metrics["megabytes"] == pytest.approx(sum(map(len, PARTS.values())) / 1e6)
    assert [file.path for file in source.files] == [FIRST, SECOND, TENTH]
    assert (source.format, source.date, source.license) == ("mediawiki", DATE, "CC-BY-SA-4.0")
    for file in source.files:
        assert (tmp_path / file.path).read_bytes() == PARTS[file.path]
        assert file.sha256 == hashlib.sha256(PARTS[file.path]).hexdigest()
    assert not list(tmp_path.glob("*.part"))
    assert all(agent.startswith("lm-workflow/") for _, _, agent in mirror.requests)


def test_only_the_first_parts(mirror, make_context, tmp_path):
    source = fetch(mirror, make_context(tmp_path), parts=1)
    assert [file.path for file in source.files] == [FIRST]


def test_broken_connection_is_resumed_where_it_broke(mirror, make_context, tmp_path):
    mirror.break_after[path_of(FIRST)] = [2 * CHUNK_BYTES, CHUNK_BYTES, 0]
    fetch(mirror, make_context(tmp_path), parts=1)
    first, second = f"bytes={2 * CHUNK_BYTES}-", f"bytes={3 * CHUNK_BYTES}-"
    assert mirror.ranges(FIRST) == [None, first, second, second]
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_breaks_that_bring_something_do_not_use_up_the_retries(mirror, make_context, tmp_path):
    mirror.break_after[path_of(FIRST)] = [CHUNK_BYTES] * 4
    fetch(mirror, make_context(tmp_path), parts=1, retries=1)
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_mirror_without_ranges_still_gets_there(mirror, make_context, tmp_path):
    mirror.ignore_range = True
    mirror.break_after[path_of(FIRST)] = [CHUNK_BYTES, 3 * CHUNK_BYTES]
    fetch(mirror, make_context(tmp_path), parts=1)
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_mirror_that_always_breaks_is_given_up_with_the_part_kept_and_continued_later(
    mirror, make_context, tmp_path
):
    mirror.break_after[path_of(FIRST)] = [CHUNK_BYTES] + [0] * 4
    with pytest.raises(UserError, match=rf"{CHUNK_BYTES:,} bytes are kept in .*\.part"):
        fetch(mirror, make_context(tmp_path), parts=1)
    assert (tmp_path / f"{FIRST}.part").read_bytes() == PARTS[FIRST][:CHUNK_BYTES]
    fetch(mirror, make_context(tmp_path), parts=1)
    assert mirror.ranges(FIRST)[-1] == f"bytes={CHUNK_BYTES}-"
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_restart_fetches_nothing_twice_and_stays_with_its_date(mirror, make_context, tmp_path):
    mirror.break_after[path_of(SECOND)] = [0] * 4
    with pytest.raises(UserError):
        fetch(mirror, make_context(tmp_path), parts=2, connections=1)
    mirror.add_dump("testwiki", "20260401", {FIRST.replace(DATE, "20260401"): dump_part(7)})
    source = fetch(mirror, make_context(tmp_path), parts=2, connections=1)
    assert source.date == DATE
    assert len(mirror.ranges(FIRST)) == 1


def test_complete_part_of_a_killed_run_is_only_verified(mirror, make_context, tmp_path):
    (tmp_path / f"{FIRST}.part").write_bytes(PARTS[FIRST])
    fetch(mirror, make_context(tmp_path), parts=1)
    assert mirror.ranges(FIRST) == []
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_busy_mirror_is_given_the_time_it_asks_for(mirror, make_context, tmp_path):
    mirror.fail_with[path_of(FIRST)] = [(429, "")]
    mirror.busy[path_of(FIRST)] = 1.0
    fetch(mirror, make_context(tmp_path), parts=1)
    assert len(mirror.ranges(FIRST)) == 3, "it came back once, when the time was over"
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_mirror_that_asks_for_hours_is_left_alone(mirror, make_context, tmp_path):
    mirror.fail_with[path_of(FIRST)] = [(429, "7200")]
    with pytest.raises(UserError, match=r"come back in 2\.0 hours"):
        fetch(mirror, make_context(tmp_path), parts=1)


def test_refusal_is_not_retried(mirror, make_context, tmp_path):
    mirror.fail_with[path_of(FIRST)] = [(403, "")]
    with pytest.raises(UserError, match="refuses with 403"):
        fetch(mirror, make_context(tmp_path), parts=1)
    assert len(mirror.ranges(FIRST)) == 1


def test_file_that_is_gone(mirror, make_context, tmp_path):
    del mirror.files[path_of(FIRST)]
    with pytest.raises(UserError, match=rf"{FIRST} does not exist any more.*corpus\.date"):
        fetch(mirror, make_context(tmp_path), parts=1)


def test_damaged_part_is_fetched_afresh(mirror, make_context, tmp_path):
    (tmp_path / f"{FIRST}.part").write_bytes(b"x" * 1000)
    fetch(mirror, make_context(tmp_path), parts=1)
    assert mirror.ranges(FIRST) == ["bytes=1000-", None]
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]


def test_wrong_bytes_on_the_mirror_are_an_error_after_one_fresh_try(mirror, make_context, tmp_path):
    damaged = PARTS[FIRST][:500] + b"\0" + PARTS[FIRST][501:]
    mirror.files[path_of(FIRST)] = damaged
    with pytest.raises(UserError, match=r"does not match its published sha1 .*kept as .*\.wrong"):
        fetch(mirror, make_context(tmp_path), parts=1)
    assert mirror.ranges(FIRST) == [None, None]
    assert (tmp_path / f"{FIRST}.wrong").read_bytes() == damaged
    assert not (tmp_path / FIRST).exists()
    mirror.files[path_of(FIRST)] = PARTS[FIRST]
    fetch(mirror, make_context(tmp_path), parts=1)
    assert not (tmp_path / f"{FIRST}.wrong").exists()


def test_truncated_file_on_the_mirror(mirror, make_context, tmp_path):
    mirror.files[path_of(FIRST)] = PARTS[FIRST][:2000]
    with pytest.raises(UserError, match=r"shorter than published.*2,000 bytes are kept in"):
        fetch(mirror, make_context(tmp_path), parts=1)
    assert not (tmp_path / FIRST).exists()


def test_failure_of_one_file_stops_the_others_and_keeps_their_parts(mirror, make_context, tmp_path):
    del mirror.files[path_of(FIRST)]
    mirror.fail_with[path_of(SECOND)] = [(503, "600")]
    with pytest.raises(UserError, match="does not exist any more"):
        fetch(mirror, make_context(tmp_path), parts=2)
    assert len(mirror.ranges(SECOND)) <= 1, "it did not come back in ten minutes, as it was asked to"


def test_latest_is_the_newest_complete_dump(mirror, make_context, tmp_path):
    later = FIRST.replace(DATE, "20260315")
    mirror.add_dump("testwiki", "20260315", {later: dump_part(5)}, status="in-progress")
    mirror.add_dump("testwiki", "20260201", {FIRST.replace(DATE, "20260201"): dump_part(6)})
    assert fetch(mirror, make_context(tmp_path)).date == DATE


def test_dump_still_being_made_is_not_taken_from_its_checksum_list(mirror, make_context, tmp_path):
    mirror.add_dump("testwiki", "20260315", {}, status="in-progress")
    sums = f"{'0' * 40}  {FIRST.replace(DATE, '20260315')}\n"
    mirror.files["/testwiki/20260315/testwiki-20260315-sha1sums.txt"] = sums.encode()
    with pytest.raises(UserError, match="no complete article dump"):
        fetch(mirror, make_context(tmp_path), date="20260315")


@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_mirror_that_has_only_a_list_of_checksums(mirror, make_context, tmp_path, algorithm):
    del mirror.files[path_of("dumpstatus.json")]
    single = f"testwiki-{DATE}-pages-articles.xml.bz2"
    mirror.files[path_of(single)] = dump_part(3)
    names = [single, INDEX, *PARTS]
    sums = [f"{hashlib.new(algorithm, mirror.files[path_of(name)]).hexdigest()}  {name}" for name in names]
    mirror.files[path_of(f"testwiki-{DATE}-{algorithm}sums.txt")] = "\n".join(sums).encode()
    source = fetch(mirror, make_context(tmp_path))
    assert [file.path for file in source.files] == [FIRST, SECOND, TENTH]


def test_small_wiki_with_one_file(mirror, make_context, tmp_path):
    names = [f"smallwiki-{DATE}-pages-articles{form}.xml.bz2" for form in ("", "-multistream")]
    mirror.add_dump("smallwiki", DATE, {name: dump_part(4) for name in names})
    source = fetch(mirror, make_context(tmp_path), project="smallwiki")
    assert [file.path for file in source.files] == [names[1]]


def test_names_that_lead_elsewhere_are_not_taken(mirror, make_context, tmp_path):
    mirror.add_dump("evilwiki", DATE, {f"../../evilwiki-{DATE}-pages-articles.xml.bz2": b"x"})
    with pytest.raises(UserError, match="no complete article dump"):
        fetch(mirror, make_context(tmp_path / "in"), project="evilwiki", date=DATE)


def test_date_may_come_as_a_number_from_the_command_line():
    assert WikipediaCorpus(date=20260301).date == "20260301"
    with pytest.raises(ValueError, match="date"):
        WikipediaCorpus(date=2026)


def test_unknown_project_and_date(mirror, make_context, tmp_path):
    with pytest.raises(UserError, match=r"corpus\.project=nosuchwiki"):
        fetch(mirror, make_context(tmp_path / "project"), project="nosuchwiki")
    with pytest.raises(UserError, match=r"20200101/ has no complete article dump.*corpus\.date=latest"):
        fetch(mirror, make_context(tmp_path / "date"), date="20200101")


def test_no_network(make_context, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Mirror()) as gone:
        pass
    with pytest.raises(UserError, match=r"cannot be reached: no connection.*corpus=files"):
        fetch(gone, make_context(tmp_path))


def test_a_dump_larger_than_the_disk(mirror, make_context, tmp_path):
    status = json.loads(mirror.files[path_of("dumpstatus.json")])
    status["jobs"]["articlesmultistreamdump"]["files"][FIRST]["size"] = 10**18
    mirror.files[path_of("dumpstatus.json")] = json.dumps(status).encode()
    with pytest.raises(UserError, match=r"needs 1,000,000,000\.\d GB.*corpus\.parts"):
        fetch(mirror, make_context(tmp_path), parts=1)


def test_retry_after_as_a_date(mirror, make_context, tmp_path):
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 7300))
    mirror.fail_with["/testwiki/"] = [(503, when)]
    log = make_context(tmp_path).log
    with pytest.raises(UserError, match=r"come back in 2\.0 hours"):
        Downloader(3, log, first_pause=0.01).text(f"{mirror.url}/testwiki/")


def test_part_longer_than_the_file_is_replaced(mirror, make_context, tmp_path: Path):
    (tmp_path / f"{FIRST}.part").write_bytes(PARTS[FIRST] + b"more")
    fetch(mirror, make_context(tmp_path), parts=1)
    assert (tmp_path / FIRST).read_bytes() == PARTS[FIRST]
