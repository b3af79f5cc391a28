"""An unfinished clean stage whose markers, plan or files are damaged does that part again, and believes nothing."""

import logging
import re
import shutil
from pathlib import Path

import pytest

from data_prep import clean
from pipeline.config.clean import CleanConfig
from pipeline.config.run import RunConfig
from pipeline.config.stages import CleanStage
from pipeline.context import Context
from pipeline.formats.source import Source, describe_file
from pipeline.stages import STAGES
from pipeline.tracking.tracker import Tracker
from tests.data_prep.cleaning import PROSE


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    path.write_text("{}")


def believed(path: Path) -> None:
    """What a reader would take at its word: one document fewer."""
    text = path.read_text()
    changed = re.sub(r'("trainable": )(\d+)', lambda found: f"{found[1]}{int(found[2]) - 1}", text)
    path.write_text(changed if changed != text else text.replace('"number": 0', '"number": 7'))


DAMAGE = {
    **{f"scratch/{name} {how.__name__}": (f"scratch/{name}", how)
       for name in ("plan.json", "extract/00000.json", "extract/00001.json") for how in (cut, empty, other, believed)},
    **{f"scratch/{name} {how.__name__}": (f"scratch/{name}", how)
       for name in ("limits.json", "write/00000.json") for how in (cut, empty, other)},
    **{f"{name} {how.__name__}": (name, how)
       for name in ("scratch/extract/00001.parquet", "scratch/keys/000001/digest.npy", "scratch/decisions/code.npy",
                    "scratch/evaluation/index.json", "documents/train-00000.parquet") for how in (cut, Path.unlink)},
}  # fmt: skip


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A clean stage of which all phases are done, and the body is not; and its documents."""
    folder = tmp_path_factory.mktemp("unfinished")
    path = folder / "a.txt"
    path.write_text("\n\n".join(f"Story {n}. {PROSE} It was day {n * 7}." for n in range(9000)))
    source = Source("text", "text", (describe_file(path, folder / "download"),))
    (folder / "download").mkdir()
    source.save(folder / "download")
    run_phases(context_of(folder))
    documents = {file.name: file.read_bytes() for file in (folder / "clean" / "documents").iterdir()}
    return folder, documents


def context_of(folder: Path) -> Context:
    place = folder / "clean"
    place.mkdir(exist_ok=True)
    log = logging.getLogger("test")
    return Context(place, {"download": folder / "download"}, Tracker(place), log, RunConfig(progress=False))


def run_phases(context: Context) -> None:
    evaluation = context.folder.parent / "evaluation.txt"
    evaluation.write_text(
        "A text to be evaluated on, of which no story in the corpus holds so much as a sentence."
    )
    settings = CleanConfig(workers=1, piece_mb=1, contamination={"action": "drop"})
    config = CleanStage(clean=settings, evaluation_files=[str(evaluation)])
    for phase in STAGES["clean"].phases:
        getattr(clean, phase.name)(config, context)


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_to_an_unfinished_stage_is_mended_by_starting_again(unfinished, tmp_path, case: str) -> None:
    made, documents = unfinished
    for name in ("clean", "download"):
        shutil.copytree(made / name, tmp_path / name)
    name, how = DAMAGE[case]
    how(tmp_path / "clean" / name)
    run_phases(context_of(tmp_path))
    found = {file.name: file.read_bytes() for file in (tmp_path / "clean" / "documents").iterdir()}
    assert found == documents
