"""matplotlib's plots as parts of an HTML page: one look, and SVG in the page's own colours and font."""

import io
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

FONT_SIZE = 9
"""Of a plot's words, in points of the drawing, which the page scales."""


def page_style(ink: str, grid: str) -> dict[str, Any]:
    """matplotlib's settings of a plot that sits in a page; `ink` colours its words, `grid` its lines."""
    return {
        "font.size": FONT_SIZE,
        "text.color": ink,
        "axes.edgecolor": grid,
        "axes.labelcolor": ink,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": grid,
        "grid.linewidth": 0.7,
        "xtick.color": ink,
        "ytick.color": ink,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
    }


def svg_element(figure: Figure, title: str, variables: Mapping[str, str]) -> Markup:
    """A plot's svg element alone, scalable, in the page's colours, its ids unlike those of other plots.

    Args:
        variables: the page's CSS colour of each of the drawing's.
    """
    written = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    svg = written.getvalue()
    drawing = svg[svg.index("<defs>", svg.index("<svg")) :]
    drawing = re.sub(r"<style.*?</style>", "", drawing, flags=re.DOTALL)  # it would reach all of the page
    drawing = re.sub(r"font-family: [^;\"]*;", "", drawing)
    for color, variable in variables.items():
        drawing = drawing.replace(color, variable)
    prefix = re.sub(r"\W+", "-", title.lower())
    drawing = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", drawing)
    box = re.findall(r'viewBox="[\d. ]+"', svg)[0]
    links = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
    return Markup(f'<svg role="img" aria-label="{escape(title)}" {box} {links}>{drawing}')
