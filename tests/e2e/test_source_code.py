"""A folder of source code through the command line, up to cleaning."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from pipeline.formats.documents import read_documents

pytestmark = pytest.mark.e2e

BASE = [
    "experiment=own",
    "run.name=demo",
    "tracking=none",
    "run.progress=false",
    "corpus=source_code",
    "clean=code",
]


def test_source_code_is_cleaned_as_it_is_and_counted(pipeline: Callable, tmp_path: Path) -> None:
    code = tmp_path / "code/project"
    code.mkdir(parents=True)
    (code / "LICENSE").write_text(dict(LICENSES)["ISC"])
    header = (
        "# This program is free software, and it comes without any warranty whatsoever for any purpose.\n"
    )
    for number in range(40):
        body = "\n".join(f"def f{number}_{n}(x):\n    return x * {number * n} + {n}" for n in range(8))
        (code / f"part{number}.py").write_text(f"{header}{body}\n")
    (code / "main.c").write_text("int main(void)\n{\n\treturn 0;\n}\n")
    words = [f"corpus.paths=[{tmp_path / 'code'}]", "clean.workers=1", "clean.deduplicate.lines=true"]
    wrong = pipeline(tmp_path, "stage=clean", "dryrun=true", *words, "corpus.languages=[pyton]", base=BASE)
    assert wrong.returncode != 0
    assert "did you mean python?" in " ".join((wrong.stdout + wrong.stderr).split())
    result = pipeline(tmp_path, "stage=clean", *words, base=BASE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "40 python and 1 c: each file is one document" in result.stdout
    clean = tmp_path / "runs/demo/clean"
    stats = json.loads((clean / "stats.json").read_text())
    assert stats["programming_languages"] == {"python": 40, "c": 1}
    assert stats["licenses"] == {"ISC": 41}
    assert stats["repeated_text"]["lines"] == 39
    card = (clean / "data_card.md").read_text()
    assert "## Programming languages\n\npython 40, c 1.\n" in card
    assert "## Licences\n\nISC 41.\n" in card
    documents = {
        each.id: each
        for split in ("train", "validation", "test")
        for each in read_documents(clean / "documents", split)
    }
    assert documents["code/project/main.c"].text == "int main(void)\n{\n\treturn 0;\n}"
    assert documents["code/project/main.c"].meta["license"] == "ISC"
