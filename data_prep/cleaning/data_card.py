"""The data card: what a person must know of the corpus before training on it or passing it on."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.formats.documents import ends_in_words
from pipeline.templates import markdown_templates
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words

DATA_CARD = "data_card.md"
TEMPLATE = "data_card.md.jinja"


def write_data_card(stats: Mapping[str, Any], path: Path) -> None:
    """Write what `stats.json` says as Markdown."""
    environment = markdown_templates(Path(__file__).parent)
    filters: dict[str, Callable[..., str]] = {
        "count": "{:,}".format,
        "counted": counted,
        "ends_in_words": ends_in_words,
        "mb": _megabytes,
        "size": size_in_words,
    }
    environment.filters.update(filters)
    path.write_text(environment.get_template(TEMPLATE).render(stats), encoding="utf-8")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.2f}"
