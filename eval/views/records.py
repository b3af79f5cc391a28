"""Views of texts, as evaluate writes them and the report shows them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.tracking.tracker import read_jsonl

VIEWS = "views.jsonl"


@dataclass(frozen=True)
class Attribution:
    """Shares of a prediction, in nats."""

    target: int
    """Id of the token that is predicted: the likeliest after the text."""
    log_probability: float
    """Its own, after the text; and its exponential."""
    probability: float
    baseline: float
    """The same after as many end-of-text tokens, which say nothing."""
    values: list[float]
    """How much each token of the text adds to it; together they make the difference between the two."""
    error: float
    """What they miss it by."""


@dataclass(frozen=True)
class View:
    """How a model reads a text."""

    tokens: list[str]
    """As people can read them."""
    left_out: int
    """Further tokens of the text, which are not looked at."""
    layers: int
    heads: int
    causal: bool
    """Whether tokens see only earlier ones. Then `attention` has those alone."""
    attention: str
    """Base64 of a byte for each weight, 255 for 1: by layer, head, looking token, looked-at token. Empty where the
    model has no attention that can be recorded."""
    target: str
    """The token that the model holds likeliest after the text; empty where nothing is attributed."""
    attribution: Attribution | None


def write_views(folder: Path, views: Iterable[View]) -> None:
    """Write views.jsonl, a row for each text; no file where there is none."""
    rows = [json.dumps(asdict(view), ensure_ascii=False) + "\n" for view in views]
    if rows:
        (folder / VIEWS).write_text("".join(rows), encoding="utf-8")


def read_views(folder: Path | None) -> list[dict[str, Any]]:
    """What `write_views` wrote in an artifact of evaluate; none without it."""
    return read_jsonl(folder / VIEWS) if folder and (folder / VIEWS).is_file() else []
