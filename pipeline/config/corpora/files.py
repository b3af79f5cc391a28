"""The settings of a corpus of the user's own files."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol

from pipeline.config.base import CONTENT, NEUTRAL
from pipeline.config.corpora.base import SingleCorpus
from pipeline.config.modules import ModuleIn
from pipeline.formats.folders import files_below

FORMATS = ModuleIn("data_prep.sources.file_formats")


class WithEndings(Protocol):
    """What is asked of a format here."""

    ENDINGS: tuple[str, ...]


class FilesCorpus(SingleCorpus):
    """Files, by path or glob: local ones, or in an object store: text, documents, JSON, tables, Parquet, Arrow or
    MediaWiki dumps. Text and documents may be mixed. `corpus=files 'corpus.paths=[notes/**/*.txt]'`"""

    implementation: ClassVar[str] = "data_prep.sources.files"

    kind: Literal["files"] = "files"
    paths: Annotated[list[str], CONTENT] = []
    """Files, folders (with all below them, links to other folders followed) and globs, also `s3://…`, `gs://…`, …;
    hidden files are left out, and of folders hidden ones with all below them. No file is taken twice."""
    format: str = "auto"
    """`auto` goes by the ending: `text` (.txt .text .md), `html` (.html .htm), `docx`, `epub`, `pdf`; `jsonl`, `json`,
    `csv` and `tsv` (also with .gz or .zst behind), `parquet`, `arrow` (a folder that `save_to_disk` of `datasets` has
    written), `mediawiki` (.xml, .xml.bz2, .xml.gz), `warc` (.warc, .wet, also with .gz behind: pages of the web). Else
    one of these names: all files are read as that."""
    text_field: str = "text"
    """Column or key that holds the text in formats of rows."""
    damage: Annotated[Literal["fail", "skip"], NEUTRAL] = "fail"
    """Documents (`html`, `pdf`, …) that cannot be read: `fail` reads on, names them, and fails. `skip` does without."""
    split_documents: Literal["auto"] | bool = "auto"
    """Whether a blank line ends a document in text files, or each file is one document. `auto` takes a file as one,
    unless it is clearly a list of short texts: at least 100 blocks between blank lines in its first MB, of which at
    most 5% have fewer than 200 characters. Else a file of more than 16 MB is cut at a blank line about every MB."""

    @property
    def missing(self) -> str:
        return "" if self.paths else "paths=[FOLDER]"

    def problems(self) -> list[str]:
        known = ["auto", *FORMATS.names()]
        found = [] if self.format in known else [f"format={self.format!r} is none of {', '.join(known)}"]
        folders = [path for path in self.paths if Path(path).expanduser().is_dir()]
        if empty := [path for path in folders if not any(files_below(Path(path).expanduser()))]:
            endings = sorted(
                {end for name in FORMATS.names() for end in FORMATS.load(name, WithEndings).ENDINGS}
            )
            found.append(
                f"paths: the folder {empty[0]} is empty (hidden files do not count); put files there that end in one "
                f"of {' '.join(endings)}"
            )
        return found

    def environment(self) -> dict[str, str]:
        """The code of formats that plugins bring."""
        return FORMATS.plugin_code(FORMATS.names() if self.format == "auto" else [self.format])

    def may_hold_out(self, split: Literal["validation", "test"]) -> bool:
        """A folder of `datasets` may have splits, each in a folder of its own."""
        return any((Path(path) / split / "state.json").is_file() for path in self.paths)

    def may_hold_wikipedia(self) -> bool:
        return self.format == "mediawiki" or any(".xml" in Path(path).name for path in self.paths)
