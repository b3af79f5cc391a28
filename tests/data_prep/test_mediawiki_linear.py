"""The cleaner's time grows with its input, and no faster, whatever the input."""

import time
from collections.abc import Callable

import pytest

from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner

SIZE = 300_000
"""Characters: what the worst real pages have."""
MOST_SECONDS_PER_MB = 4.0
"""About 1 is the worst measured; the rest is for slow machines."""

UNITS = """
{{ [[ {| [http [http://a [//a <ref <ref> <!-- <div> < </ ''''' ''''a }} ]] |} {{{ {{{a| {{a|
{{nowrap| {{lang|en| {{convert| {{#if: {{!}} {{a}} [[a [[a| [[File:a| [[: [[a]] [[File:a]] <ref/>
<ref>a</ref> <ref</ref> <nowiki> </nowiki> <math> <pre> <table> </table> <b <br> <li> <h2> -{ -{a:
-{a| }- ( ) (, ( ） （ （、 , 、 = __ __A _ ~~~~ & &# &nbsp &nbsp; &amp;lt; * : ; [ ] { } | []{}| a x中
http:// http://. https://a, l'''a'' a''b''' [[{{ {{[[ {|[[ <!--<ref> ''[[
""".split()  # noqa: SIM905 (one a line would take pages)
LINES = [
    "{|\n",
    "\n{|",
    "\n{|\n[[",
    "|}\n",
    "\n|",
    "\n!",
    "\n*a",
    "\n==a==",
    "\n;a : b",
    "\n ",
    "\n",
    " ",
    "\t",
]
PAIRS = [
    ("{{a|", "}}"),
    ("{{nowrap|", "}}"),
    ("{{{a|", "}}}"),
    ("[[a|", "]]"),
    ("[[File:a|", "]]"),
    ("{|\n", "\n|}"),
    ("<div>", "</div>"),
    ("<table>", "</table>"),
    ("<ref>", "</ref>"),
    ("-{", "}-"),
    ("(", ")"),
    ("[", "]"),
    ("'''", "''"),
]


def nested(pair: tuple[str, str], size: int) -> str:
    depth = size // (2 * sum(map(len, pair)))
    return pair[0] * depth + "word " * (size // 10) + pair[1] * depth


def seconds(wikitext: str) -> float:
    """The better of two runs, of CPU time: other processes should not decide."""
    cleaner = WikitextCleaner(Site())
    times = []
    for _ in range(2):
        start = time.process_time()
        cleaner.clean(wikitext)
        times.append(time.process_time() - start)
    return min(times)


def check(make: Callable[[int], str]) -> None:
    small, large = seconds(make(SIZE // 8)), seconds(make(SIZE))
    assert large < MOST_SECONDS_PER_MB * SIZE / 1e6
    # Eight times the text would take 64 times as long if it were quadratic. In short times, garbage
    # collection and the clock decide.
    assert large < 24 * small or large < 0.2


@pytest.mark.parametrize("unit", [*UNITS, *LINES])
def test_rows_of_broken_markup(unit):
    check(lambda size: unit * (size // len(unit)))


@pytest.mark.parametrize("pair", PAIRS, ids="…".join)
def test_deep_nesting(pair):
    check(lambda size: nested(pair, size))


@pytest.mark.parametrize("unit", ["{{", "[[", "<ref>", "<!--", "{|\n", "[http://a ", "'''", "("])
def test_an_opening_before_much_text(unit):
    check(
        lambda size: (
            (unit + "Some words of a sentence, [[linked|here]] and {{there}}.\n" * 40) * (size // 2500)
        )
    )
