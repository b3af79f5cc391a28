"""What is looked at before the data stages start: see `pipeline.preflight`."""

from data_prep.chinese import ChineseConverter
from pipeline.config.root import RootConfig
from pipeline.preflight import Known


def chinese(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where Chinese text is to be converted, and what does it isn't installed."""
    if root.clean.chinese == "as_is":
        return ""
    ChineseConverter(root.clean.chinese)
    return f"Chinese text becomes {root.clean.chinese}"
