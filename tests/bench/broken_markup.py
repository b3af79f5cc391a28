"""Wikitext that is broken in every way, of any length: what a careless regular expression reads in quadratic time."""

import random
from collections.abc import Callable, Iterator
from functools import partial

Make = Callable[[int], str]
"""Gives a text of about so many characters."""

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
    # What only some options look at.
    "{|\n|}\n",
    "{|\n| rowspan=9999 | a || ",
    "\n|-\n| rowspan=9999 colspan=9999 | a",
    "\n|+ a",
    "\n| a || b ! c",
    "<tr><td rowspan=99>a",
    "<table><tr><td>",
    "<td>a</table>",
    "<gallery>",
    "<gallery>\nFile:a.jpg|b\n</gallery>",
    "[[File:a.jpg|thumb|b]]",
    "[[File:a.jpg|thumb|",
    "[[File:a.jpg|thumb|b [[c]] d]]",
    "<math>a}}</math>",
    "{{Infobox a|b=c}}",
    "{{Infobox a|b=",
    "|b=''c''",
    "<poem>",
    "<poem>a\n: b\n</poem>",
    "</poem>\n",
    "<b <!--",
    "<b <!-- c -->",
    "<b <!-- c --> d>",
    "10<sup>6</sup>",
    "<sup>1",
    " <ref/>.",
    "'<ref/>",
    ". {{a}}",
    "f()",
    "{{PAGENAME}}",
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
    ("[[File:a|thumb|", "]]"),
    ("<gallery>", "</gallery>"),
    ("<poem>", "</poem>"),
    ("{|\n| a || b\n", "\n|}"),
    ("<table><tr><td>", "</td></tr></table>"),
    ("{{Infobox a|b=", "}}"),
]


OPENINGS = """
{{convert| {{lang|en| {{Infobox|b= {{q| {{u|a| {{{a| {{ [[a| [[File:a|thumb| [[ -{ -{zh-hans: <a </a <math> <td
<poem> <sup> <b<!-- [http://a &#1 ''' ( （
""".split()  # noqa: SIM905 (one a line would take pages)
OPENINGS += ["", "{|\n| colspan=", "{|\n|+", "\n;", "\n==", "#REDIRECT"]
RUNS = [
    "a",
    "1",
    " ",
    "\t",
    "\n",
    " \n",
    ",",
    "、",
    "-",
    "=",
    "|",
    "'",
    '"',
    "<",
    "&",
    "~",
    "_",
    "{",
    "[",
    ":",
    "*",
    "()",
    ".",
    "<!--",
    "<!-- c -->",
    "<b<!--",
    "a:",
    "class=a",
    "zh-",
    "&nbsp;",
    "\u00a0",
    "<br> ",
    "http://",
]
LEARNED = ("q", "p", "u", "w")
"""Templates of `tests/bench/growth.py`."""
SENTENCE = "Some words of a sentence, [[linked|here]] and {{there}}.\n"
MIXTURES, SEED = 150, 0


def repeated(unit: str, size: int) -> str:
    return unit * (size // len(unit))


def nested(pair: tuple[str, str], size: int) -> str:
    depth = size // (2 * sum(map(len, pair)))
    return pair[0] * depth + "word " * (size // 10) + pair[1] * depth


def pages() -> Iterator[tuple[str, Make]]:
    """Texts by a name that says how they are broken."""
    for unit in (*UNITS, *LINES):
        yield f"{unit!r} many times", partial(repeated, unit)
    for pair in PAIRS:
        yield f"{pair[0]!r} in itself", partial(nested, pair)
    for unit in ("{{", "[[", "<ref>", "<!--", "{|\n", "[http://a ", "'''", "(", "[[File:a|thumb|"):
        yield f"{unit!r} before much text", partial(repeated, unit + SENTENCE * 40)
    yield "an infobox of many parameters", lambda size: "{{Infobox a" + "|b=''c''" * (size // 9) + "}}"
    yield (
        "cells over many rows",
        lambda size: "{|\n" + "| rowspan=9999 | word\n" * (size // 60) + "|-\n| a\n" * (size // 12) + "|}",
    )


def learned_templates() -> Iterator[tuple[str, Make]]:
    """Templates, of which it is known what they show, with arguments of any length and depth."""
    for name in LEARNED:
        opening = f"{{{{{name}|"
        yield f"{opening} in itself", partial(nested, (opening, "}}"))
        yield f"{opening} as a second argument", partial(nested, (opening + "a|", "}}"))
        yield f"{opening} many times", partial(repeated, opening + "a|b}}")
        yield f"{opening} never closed", partial(repeated, opening)
        yield f"{opening} with long arguments", partial(_long_arguments, opening)


def _long_arguments(opening: str, size: int) -> str:
    return opening + "a" * (size // 2) + "|" + "b" * (size // 2) + "}}"


def endless_runs() -> Iterator[tuple[str, Make]]:
    """Where an expression finds no end, it must not try again from every character."""
    for opening in OPENINGS:
        for run in RUNS:
            yield f"{opening!r} before many {run!r}", partial(_run_after, opening, run)


def _run_after(opening: str, run: str, size: int) -> str:
    return opening + repeated(run, size) + "x（<br>\n"


def mixtures() -> Iterator[tuple[str, Make]]:
    """Pieces of all of these one after the other, some of them many times."""
    chance = random.Random(SEED)
    pieces = [*UNITS, *LINES, *RUNS, *(o for o in OPENINGS if o), *(part for pair in PAIRS for part in pair)]
    for number in range(MIXTURES):
        parts = [
            ("".join(chance.choices(pieces, k=chance.randint(1, 3))), chance.random() < 0.5)
            for _ in range(chance.randint(1, 5))
        ]
        yield f"mixture {number}: {parts}", partial(_mixed, parts)


def _mixed(parts: list[tuple[str, bool]], size: int) -> str:
    many = sum(repeats for _, repeats in parts) or 1
    return "".join(repeated(piece, size // many) if repeats else piece for piece, repeats in parts)
