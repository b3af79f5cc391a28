"""What is looked at before the data stages start: see `pipeline.preflight`."""

from data_prep.cleaning.chinese import ChineseConverter
from data_prep.sources import foretell
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
    return "; ".join(line for corpus in root.corpus.by_part.values() for line in foretell(corpus, known))
