"""HTML pages in the report's style, and how figures are written in them."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from eval.reporting.report_plots import compact
from eval.result_names import model_name
from pipeline.templates import html_templates
from pipeline.text.counts import counted
from pipeline.text.ending import ending

TEMPLATES = Path(__file__).parent.parent / "templates"


def render(template: str, values: Mapping[str, Any], script_file: str = "report.js") -> str:
    """The page that a template of `eval/templates` makes of these values, and of what all such pages have.

    That is `style`, and `script` with `script_source`, by which the page's policy allows it and no other.
    """
    environment = html_templates(TEMPLATES)
    filters: list[Callable[..., str | bool | list[str]]] = [
        *(number, difference, compact, duration, size, hardware, day),
        *(model_name, ending, anchor, headings, as_sample, is_code, setting, breakable, counted),
    ]
    environment.filters.update({each.__name__: each for each in filters})
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (TEMPLATES / script_file).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": Markup(style), "script": Markup(script), "script_source": f"'sha256-{digest}'"}
    return environment.get_template(template).render(**values, **shared)


def anchor(title: str) -> str:
    """The id of the section with that title."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def headings(page: str) -> list[str]:
    """The titles of the sections of a page, in order."""
    return [Markup(title).unescape() for title in re.findall(r"<h2>(.*?)</h2>", page)]


def as_sample(text: str) -> str:
    """A text that a model wrote, with an ellipsis where it stops within a sentence."""
    return text if not text or text.rstrip()[-1:] in tuple(".!?。！？…\"'”’)]}") else f"{text}…"


def is_code(text: str) -> bool:
    """Whether a text is to be read in type of one width: it has indented lines, or those of a Python session."""
    return len(re.findall(r"^(?: {4,}|\t|>>> |```)", text, re.MULTILINE)) >= 2


def setting(value: Any) -> str:
    """A value of the configuration as it is typed."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def breakable(name: str) -> Markup:
    """A path or key whose lines break behind its slashes, dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[/._])", name))


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
    if abs(value) < 0.01:  # 0, too
        return f"{value:.3g}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def difference(value: float) -> str:
    """One of two figures, as these are written, with its sign."""
    return f"{'-' if value < 0 else '+'}{number(abs(value))}"


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
    count = facts.get("cores")
    cores = f", {counted(count, 'core')}" if count else ""
    return f"{facts.get('cpu') or 'CPU'}{cores}{processes}"
