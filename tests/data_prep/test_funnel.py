"""The table of what cleaning reads, drops and keeps."""

from data_prep.cleaning.funnel import Funnel

PREFIX = "clean     | "
"""Of each line of the stage's log."""


def test_the_table_of_a_large_corpus_fits_into_80_columns() -> None:
    funnel = Funnel()
    funnel.add(
        Funnel.from_json(
            {
                "read": {"documents": 1_234_567_890, "bytes": 9_876_543_210_123},
                "dropped": {"duplicate_of_held_out": {"documents": 1, "bytes": 17}},
                "kept_raw_bytes": 0,
                "ends": 0,
                "splits": {},
                "invalid": {},
                "tags": {},
                "examples": [],
            }
        )
    )
    lines = [PREFIX + line for line in funnel.lines()]
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1
    assert "1,234,567,890 documents" in lines[0]
    assert "            1 document " in lines[1]
