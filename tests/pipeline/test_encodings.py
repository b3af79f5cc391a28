"""Text files in other encodings than UTF-8 are told with the encoding that they seem to have."""

import codecs
import gzip
import json
import subprocess
from pathlib import Path

import pytest
from charset_normalizer.constant import IANA_SUPPORTED

from pipeline.errors import UserError
from pipeline.formats.converting import MOST, how_to_convert
from pipeline.formats.encodings import (
    LOOKED_AT,
    UNKNOWN_TO_ICONV,
    iconv_name,
    refuse_other_encodings,
)
from pipeline.formats.folders import expand_paths
from pipeline.formats.parallel_files import ParallelFiles
from pipeline.formats.rows import read_rows

TEXT = (
    "人工智能是计算机科学的一个分支，它企图了解智能的实质。该领域的研究包括机器人、语言识别和图像识别。\n"
    * 40
)


@pytest.mark.parametrize(("encoding", "named"), [("gb18030", "GB18030"), ("utf-16", "UTF-16")])
def test_the_encoding_is_named_with_the_command_that_converts(
    tmp_path: Path, encoding: str, named: str
) -> None:
    folder = tmp_path / "my notes"
    folder.mkdir()
    path = folder / "a.txt"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(UserError, match=rf"it seems to be {named}\.") as told:
        refuse_other_encodings(path)
    subprocess.run(["bash", "-c", str(told.value).rpartition(": ")[2]], check=True)
    assert path.read_text(encoding="utf-8") == TEXT
    assert (folder / ".a.txt.old").read_bytes() == TEXT.encode(encoding)
    assert expand_paths([str(folder)]) == [path], "the folder has the text once"


@pytest.mark.parametrize(
    ("ending", "others", "named"),
    [
        (".txt", [], "/*.txt; do"),
        (".txt", ["c.txt"], "a.txt' "),  # which is UTF-8, and must stay as it is
        (".jsonl.gz", [], "/*.gz; do"),
    ],
)
def test_one_command_converts_several(tmp_path: Path, ending: str, others: list[str], named: str) -> None:
    def write(path: Path, content: bytes) -> None:
        path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)

    def read(path: Path) -> str:
        content = path.read_bytes()
        return (gzip.decompress(content) if ending.endswith(".gz") else content).decode()

    folder = tmp_path / "my notes"
    folder.mkdir()
    paths = [folder / f"{name}{ending}" for name in ("a", "it's b")]
    for path in paths:
        write(path, TEXT.encode("gb18030"))
    for name in others:
        write(folder / name, TEXT.encode())
    with pytest.raises(UserError, match=r"^2 files are not UTF-8, .*they seem to be GB18030\.") as told:
        refuse_other_encodings(*paths, *(folder / name for name in others))
    command = str(told.value).rpartition(": ")[2]
    assert named in command
    subprocess.run(["sh", "-c", command], check=True)
    assert expand_paths([str(folder)]) == sorted([*paths, *(folder / name for name in others)])
    assert {read(path) for path in expand_paths([str(folder)])} == {TEXT}


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@pytest.mark.parametrize("count", [1, 2])
def test_the_same_command_again_changes_nothing(tmp_path: Path, name: str, count: int) -> None:
    """UTF-8 is often readable as GB18030, and the only originals would be overwritten."""
    text = "你好世界我们\n" * 400
    assert text.encode().decode("gb18030") != text
    content = text.encode("gb18030")
    if name.endswith(".gz"):
        content = gzip.compress(content)
    paths = [tmp_path / f"{number}{name}" for number in range(count)]
    for path in paths:
        path.write_bytes(content)
    with pytest.raises(UserError, match="GB18030") as told:
        refuse_other_encodings(*paths)
    command = ["sh", "-c", str(told.value).rpartition(": ")[2]]
    subprocess.run(command, check=True)
    converted = [path.read_bytes() for path in paths]
    subprocess.run(command, check=True)
    assert "where there is one already, nothing is done" in str(told.value)
    assert [path.read_bytes() for path in paths] == converted
    assert {(tmp_path / f".{path.name}.old").read_bytes() for path in paths} == {content}


def test_of_very_many_files_the_command_names_some_and_the_message_says_so(tmp_path: Path) -> None:
    (tmp_path / "utf8.txt").write_text(TEXT, encoding="utf-8")
    paths = [tmp_path / f"{number:03}.txt" for number in range(MOST + 60)]
    for path in paths:
        path.write_bytes(TEXT.encode("gb18030"))
    with pytest.raises(UserError, match=f"{MOST} of them; start again for the others") as told:
        refuse_other_encodings(*paths)
    subprocess.run(["sh", "-c", str(told.value).rpartition(": ")[2]], check=True)
    with pytest.raises(UserError, match=r"^60 files are not UTF-8"):
        refuse_other_encodings(*paths)


def test_files_of_several_encodings_have_a_command_each(tmp_path: Path) -> None:
    encodings = ["gb18030", "utf-16", "gb18030"]
    paths = [tmp_path / f"{place}.txt" for place in range(len(encodings))]
    for path, encoding in zip(paths, encodings, strict=True):
        path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(UserError) as told:
        refuse_other_encodings(*paths)
    for line in str(told.value).splitlines():
        subprocess.run(["sh", "-c", line.rpartition(": ")[2]], check=True)
    assert {path.read_text(encoding="utf-8") for path in paths} == {TEXT}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", TEXT),
        ("big5", "人工智慧是電腦科學的一個分支，它企圖了解智慧的實質。"),
        ("shift_jis", "日本語の文章です。人工知能は計算機科学の一分野である。"),
        ("euc_kr", "한국어 문장입니다. 인공지능은 컴퓨터 과학의 한 분야이다."),
        ("utf-16", TEXT),
    ],
)
@pytest.mark.parametrize("before", ["", "a"])
def test_a_character_that_is_cut_hides_no_encoding(
    tmp_path: Path, encoding: str, text: str, before: str
) -> None:
    """With one more letter before it, what was cut between characters is cut within one."""
    path = tmp_path / "a.txt"
    path.write_bytes((before + text * (LOOKED_AT // len(text))).encode(encoding))
    with pytest.raises(UserError, match="it seems to be"):
        refuse_other_encodings(path)


@pytest.mark.parametrize("name", ["talks.jsonl", "talks.jsonl.gz"])
def test_of_conversations_the_same_is_told(tmp_path: Path, name: str) -> None:
    row = json.dumps({"prompt": "你好？", "response": TEXT}, ensure_ascii=False) + "\n"
    encoded = (row * 5).encode("gb18030")
    path = tmp_path / name
    path.write_bytes(gzip.compress(encoded) if name.endswith(".gz") else encoded)
    with pytest.raises(UserError, match=r"it seems to be GB18030\.") as told:
        list(read_rows(path))
    subprocess.run(["bash", "-c", str(told.value).rpartition(": ")[2]], check=True)
    assert len(list(read_rows(path))) == 5


def test_a_list_of_rows_whose_first_kilobytes_are_ascii_is_told_as_well(tmp_path: Path) -> None:
    """They are read a block at a time."""
    rows = [{"text": "a" * 20_000}, {"text": TEXT}]
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(rows, ensure_ascii=False).encode("gb18030"))
    with pytest.raises(UserError, match=r"is not UTF-8"):
        list(read_rows(path))


def test_where_the_guess_was_wrong_nothing_is_moved(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content := gzip.compress("{}\n人".encode("gb18030")))
    failed = subprocess.run(
        ["sh", "-c", how_to_convert(path, "UTF-32").rpartition(": ")[2]], capture_output=True
    )
    assert failed.returncode
    assert path.read_bytes() == content


@pytest.mark.parametrize("encoding", sorted({*IANA_SUPPORTED} - {*UNKNOWN_TO_ICONV}))
def test_iconv_knows_what_may_be_guessed(encoding: str) -> None:
    subprocess.run(["iconv", "-f", iconv_name(encoding), "-t", "UTF-8"], input=b"", check=True)
    codecs.lookup(iconv_name(encoding))


def test_of_two_files_of_pairs_that_in_another_encoding_is_named(tmp_path: Path) -> None:
    source, target = tmp_path / "a.zh", tmp_path / "a.en"
    source.write_text("a\n" * 40)
    target.write_bytes(TEXT.encode("gb18030"))
    with pytest.raises(UserError, match=rf"^{target} is not UTF-8; it seems to be GB18030"):
        list(read_rows(ParallelFiles(source, target)))


def test_one_damaged_byte_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a' + b"b" * 500 + b'\xff"}\n')
    with pytest.raises(UserError, match=rf"^{path} is not UTF-8 \(.*position 511.*\); correct or convert it"):
        list(read_rows(path))


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(UserError, match="is not UTF-8"):
        refuse_other_encodings(path)


def test_damaged_text_and_a_character_that_is_cut_are_none_of_its_business(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    encoded = TEXT.encode() * 20
    path.write_bytes(encoded[:300] + b"\xff" * 3 + encoded)
    refuse_other_encodings(path)
