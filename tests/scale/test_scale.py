"""The small form of `python -m tests.scale`, and what its judgement is worth."""

from dataclasses import replace

from tests.scale.__main__ import measure
from tests.scale.table import Figures, Measured


def test_nothing_grows_faster_than_it_must() -> None:
    measured = list(measure((8, 64), strategies=("fsdp",)))
    assert [fault for found in measured for fault in found.faults()] == []
    saved = next(found for found in measured if found.name == "save: fsdp").series[64]
    assert (saved["last"].opens, saved["last"].collectives) == (1, 3), (
        "its own file; a barrier, a gather, the outcome"
    )
    resumed = next(found for found in measured if found.name == "resume: fsdp").series[64]
    assert (resumed["last"].opens, resumed["last"].collectives) == (3, 3), (
        "its own file: hashed, head, pieces"
    )


def test_what_grows_too_fast_is_named() -> None:
    def series(**grown: int) -> Measured:
        small = Figures(seconds=0.1, opens=10, collectives=20, received=1000)
        return Measured(
            "save", {8: {"last": small}, 64: {"last": replace(small, **grown)}}, "constant", "linear"
        )

    assert list(series(received=8000).faults()) == []
    assert list(series(opens=80).faults()) == ["save, last: opens 10 on 8 ranks, 80 on 64"]
    assert list(series(collectives=160).faults()) == ["save, last: collectives 20 on 8 ranks, 160 on 64"]
    assert list(series(received=64_000).faults()) == ["save, last: received 1,000 on 8 ranks, 64,000 on 64"]
