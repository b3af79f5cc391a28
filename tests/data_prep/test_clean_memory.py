"""Memory does not grow with the corpus."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.formats.source import Source, describe_file
from tests.data_prep.cleaning import PROSE

MEASURE = """
import json, logging, resource, sys
from pathlib import Path
from pipeline.config.clean import CleanConfig
from pipeline.config.run import RunConfig
from pipeline.config.stages import CleanStage
from pipeline.context import Context
from pipeline.stages import STAGES
from pipeline.tracking.tracker import Tracker
from pipeline.launch.stage_code import run_stage

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "clean").mkdir()
    log, inputs = logging.getLogger(), {"download": folder / "download"}
    context = Context(folder / "clean", inputs, Tracker(None), log, RunConfig(progress=False))
    run_stage(STAGES["clean"], CleanStage(clean=CleanConfig(workers=2, piece_mb=2)), context)
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    print(json.dumps([resource.getrusage(kind).ru_maxrss for kind in kinds]))
"""


def peak_megabytes(folder: Path, documents: int) -> list[float]:
    """Largest resident set of the stage's own process, and of the largest of its workers."""
    download = folder / "download"
    download.mkdir(parents=True)
    corpus = download / "corpus.jsonl"
    with corpus.open("w") as file:
        for number in range(documents):
            file.write(json.dumps({"text": f"{number}. " + f"{PROSE} Number {number}. " * 20}) + "\n")
    Source("jsonl", "corpus", (describe_file(corpus, download),)).save(download)
    script = folder / "measure.py"
    script.write_text(MEASURE)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, script, folder], env=environment, capture_output=True, text=True, check=True
    )
    return [kilobytes / 1024 for kilobytes in json.loads(done.stdout)]


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_memory_stays_flat_as_the_corpus_grows_tenfold(tmp_path) -> None:
    small = peak_megabytes(tmp_path / "small", 500)  # 2.5 MB
    large = peak_megabytes(tmp_path / "large", 5_000)
    assert large[0] < small[0] + 30, "the stage's process"
    assert large[1] < small[1] + 40, "a worker"
