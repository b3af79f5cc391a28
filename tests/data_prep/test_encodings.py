"""Text files in other encodings than UTF-8 are told with the encoding that they seem to have."""

from pathlib import Path

import pytest

from data_prep.reading.encodings import refuse_other_encodings
from pipeline.errors import UserError

TEXT = (
    "人工智能是计算机科学的一个分支，它企图了解智能的实质。该领域的研究包括机器人、语言识别和图像识别。\n"
    * 40
)


@pytest.mark.parametrize(("encoding", "named"), [("gb18030", "GB18030"), ("utf-16", "UTF-16")])
def test_the_encoding_is_named_with_the_command_that_converts(
    tmp_path: Path, encoding: str, named: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(
        UserError, match=rf"it seems to be {named}\..*: iconv -f {named} -t UTF-8 a\.txt > utf8-a\.txt"
    ):
        refuse_other_encodings(path)


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
