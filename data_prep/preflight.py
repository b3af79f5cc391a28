"""What is looked at before the data stages start: see `pipeline.preflight`."""

from collections.abc import Iterator

from data_prep.cleaning.chinese import ChineseConverter
from data_prep.reading.text_documents import describe_text_files, splits_at_blank_lines
from data_prep.sources.files import common_format
from pipeline.config.data import FilesCorpus, MixtureCorpus
from pipeline.config.root import RootConfig
from pipeline.preflight import Known


def chinese(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where Chinese text is to be converted, and what does it isn't installed."""
    if root.clean.chinese == "as_is":
        return ""
    ChineseConverter(root.clean.chinese)
    return f"Chinese text becomes {root.clean.chinese}"


def own_files(root: RootConfig, known: Known) -> str:
    """Say what becomes of the user's own text files.

    Raises:
        UserError: where files are of several formats, or of none that is known.
    """
    parts = root.corpus.parts.values() if isinstance(root.corpus, MixtureCorpus) else [root.corpus]
    return "; ".join(
        line for part in parts if isinstance(part, FilesCorpus) for line in _text_files(part, known)
    )


def _text_files(corpus: FilesCorpus, known: Known) -> Iterator[str]:
    paths = [path for path in known.locate_files(corpus.paths) if not path.name.startswith(".")]
    filled = [path for path in paths if path.stat().st_size]
    file_format = (
        corpus.format if corpus.format != "auto" or not filled else common_format([*map(str, filled)])
    )
    if file_format == "text":
        sizes = [(path, path.stat().st_size) for path in filled]
        yield from describe_text_files(
            [(path, size, splits_at_blank_lines(path, corpus.split_documents)) for path, size in sizes]
        )
