"""Who has a file with bad rows hears of all of them at once."""

from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.formats.row_faults import SHOWN
from pipeline.formats.rows import Fields, read_each, read_rows


def told(path: Path, content: str, number: str | None = None) -> list[str]:
    """The lines of the message where `number` names the field that must be a whole number."""
    path.write_text(content, encoding="utf-8")

    def read(where: str, row: Fields) -> int:
        if not str(row[number]).isdigit():
            raise UserError(f"{where}: {row[number]!r} is no number")
        return int(row[number])

    with pytest.raises(UserError) as raised:
        list(read_rows(path) if number is None else read_each(path, read))
    return str(raised.value).splitlines()


def test_bad_lines_of_several_kinds_are_told_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    content = '{"n": 1}\n{"n": \n{"n": "two"}\n\n7\n{"n": 4}\n{"n": "five"}\n'
    assert told(path, content, "n") == [
        f"4 faults in {path}:",
        "  line 2 is not JSON: Expecting value at character 8",
        "  line 3: 'two' is no number",
        "  line 5: a row must be a JSON object, not 7",
        "  line 7: 'five' is no number",
    ]
    assert told(path, '{"n": 1}\n{"n": "two"}\n', "n") == [f"{path}, line 2: 'two' is no number"]


def test_what_is_wrong_with_many_rows_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert told(path, '{"n": "a"}\n' * 3 + '{"n": "b"}\n', "n")[1:] == [
        "  line 1: 'a' is no number (likewise line 2 and line 3)",
        "  line 4: 'b' is no number",
    ]
    (_, line) = told(path, '{"n": 1}\n' + '{"n": "a"}\n' * 1500, "n")
    assert line.endswith("line 10, line 11 and 1,490 more)")


def test_where_no_row_is_good_the_rest_is_not_read(tmp_path: Path) -> None:
    path, bad = tmp_path / "a.jsonl", '{"n": "a"}\n'
    header, _, last = told(path, bad * 1001 + '{"n": \n', "n")
    assert header == f"1,000 faults in {path}:"
    assert last == "  no row was good among the first 1,000, so that the rest was not read"
    assert len(told(path, bad * 1000, "n")) == 2
    assert told(path, bad * 999 + '{"n": 1}\n' + bad * 2, "n")[0].startswith("1,001 faults")


def test_of_very_many_faults_the_first_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    header, *lines, last = told(path, "".join(f'{{"n": "x{n}"}}\n' for n in range(SHOWN + 7)), "n")
    assert header == f"{SHOWN + 7} faults in {path}:"
    assert [line.split(":")[0] for line in lines] == [f"  line {n}" for n in range(1, SHOWN + 1)]
    assert last == "  and 7 more"


def test_a_table_is_read_on_behind_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    content = 'a,b\n1,2\n3\n4,"5" 6\n7,8,9\n"10,11\n12,13\n'
    assert told(path, content) == [
        f"4 faults in {path}:",
        "  line 3: 1 column, but the header has 2",
        "  line 4: ',' expected after '\"'",
        "  line 5: 3 columns, but the header has 2",
        "  line 6: unexpected end of data",
    ]


def test_a_table_without_a_header_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert told(path, 'a,"b" c\n1,2,3\n4\n') == [f"{path}, line 1: ',' expected after '\"'"]


def test_what_is_wrong_with_the_file_is_told_behind_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": \n' + b'{"n": 1}\n' * 10_000 + b'{"n": "\xff"}\n')
    with pytest.raises(
        UserError, match=r"^2 faults in .*\n  line 1 is not JSON.*\n  .*a\.jsonl is not UTF-8"
    ):
        list(read_rows(path))
