"""HTML pages in the report's style, and how figures are written in them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from eval.reporting.report_plots import compact
from pipeline.templates import html_templates

TEMPLATES = Path(__file__).parent.parent / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page that a template of `eval/templates` makes of these values, and of `style`, the report's."""
    environment = html_templates(TEMPLATES)
    environment.filters |= {
        "number": number,
        "compact": compact,
        "duration": duration,
        "size": size,
        "hardware": hardware,
        "day": day,
    }
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(**values, style=style)


def number(value: Any) -> str:
    """A figure with the digits that matter; text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    if isinstance(value, float) and abs(value) >= 1e6:
        return f"{value / 1e6:,.1f}M"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def day(time: str | None) -> str:
    """A manifest's time as people read it, without its zone."""
    return (time or "").replace("T", " ").removesuffix("Z")


def duration(seconds: float) -> str:
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    """Bytes in decimal units."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:,.1f} {unit}"
    return f"{count:.0f} B"


def hardware(manifest: Mapping[str, Any]) -> str:
    """What a stage ran on, in a few words."""
    facts = manifest.get("hardware") or {}
    ranks = manifest.get("ranks") or 1
    processes = f", {ranks} processes" if ranks > 1 else ""
    if facts.get("gpus"):
        return f"{len(facts['gpus'])} × {facts['gpus'][0]} per node{processes}"
    cores = f", {facts['cores']} cores" if facts.get("cores") else ""
    return f"{facts.get('cpu') or 'CPU'}{cores}{processes}"
