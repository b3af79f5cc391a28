"""The templates that hold words of a sentence, and what a reader sees of them.

Only those that are common in running text and leave a hole in it when dropped. Everything else (infoboxes,
navigation, citations, maintenance notices, pronunciations) is dropped by ``expand_templates``.
"""

import re
from functools import lru_cache

from data_prep.mediawiki.superscripts import superscript
from data_prep.mediawiki.template_arguments import Arguments, Render

_NUMBER = re.compile(r"[-+−±]?[\d.,/⁄]+\s*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[\w-]+)?")


def _argument(*keys: int | str) -> Render:
    return lambda name, arguments: arguments.first(*keys)


def constant(text: str) -> Render:
    """Shows the same whatever the arguments."""
    return lambda name, arguments: text


def _last(name: str, arguments: Arguments) -> str:
    return arguments[arguments.count]


def _joined(separator: str) -> Render:
    return lambda name, arguments: separator.join(value for value in arguments.all() if value)


def _around(before: str, after: str, *keys: int | str) -> Render:
    def render(name: str, arguments: Arguments) -> str:
        text = arguments.first(*(keys or (1,)))
        return f"{before}{text}{after}" if text else ""

    return render


def _power(base: str) -> Render:
    return lambda name, arguments: base + superscript(arguments[1])


def _lang(name: str, arguments: Arguments) -> str:
    # The language comes first, but some wikis leave it to the template's name.
    if arguments.count > 1 and _LANGUAGE.fullmatch(arguments[1]):
        return arguments.first(2, "text")
    return arguments.first("text", 1)


_UNITS = {
    "C": "°C",
    "F": "°F",
    "cuft": "cu ft",
    "km2": "km²",
    "m2": "m²",
    "m3": "m³",
    "sqft": "sq ft",
    "sqkm": "km²",
    "sqm": "m²",
    "sqmi": "sq mi",
}
_RANGES = {
    "-": "–",
    "–": "–",
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "x": " × ",
    "by": " by ",
    "to(-)": " to ",
}


def _convert(name: str, arguments: Arguments) -> str:
    """``{{convert|5|to|10|km|mi}}``: the quantity as given, without its conversion."""
    text = ""
    values = arguments.all()
    for index, value in enumerate(values):
        if _NUMBER.fullmatch(value):
            # Python reads no integer of thousands of digits.
            text += f"{int(value):,}" if value.isascii() and value.isdigit() and len(value) < 40 else value
        elif value in _RANGES:
            text += _RANGES[value]
        else:
            text += " " + _UNITS.get(value, value)
            # Five feet, eleven inches; otherwise the target unit or a precision follows.
            following = values[index + 1 : index + 3]
            if len(following) < 2 or not _NUMBER.fullmatch(following[0]) or _NUMBER.fullmatch(following[1]):
                break
            text += " "
    return text.strip()


def _fraction(name: str, arguments: Arguments) -> str:
    values = arguments.all()
    if len(values) == 3:
        return f"{values[0]} {values[1]}/{values[2]}"
    return "1/" + values[0] if len(values) == 1 else "/".join(values)


def _value(name: str, arguments: Arguments) -> str:
    """``{{val|1.5|e=3|u=m}}``."""
    exponent, unit = arguments["e"], arguments.first("u", "ul")
    text = arguments[1] + (f"×10{superscript(exponent)}" if exponent else "")
    return f"{text} {unit}" if unit else text


def _nihongo(name: str, arguments: Arguments) -> str:
    """``{{nihongo|English|kanji|romaji}}``."""
    inside = ", ".join(value for value in (arguments[2], arguments[3]) if value)
    if not arguments[1]:
        return inside
    return f"{arguments[1]} ({inside})" if inside else arguments[1]


def _reading(name: str, arguments: Arguments) -> str:
    """Japanese 読み仮名: the word and how it is read."""
    return f"{arguments[1]}（{arguments[2]}）" if arguments[2] else arguments[1]


def _ship(name: str, arguments: Arguments) -> str:
    """``{{USS|Enterprise|CVN-65}}``, ``{{ship|HMS|Victory}}``."""
    prefix, ship, number, *_ = [*([] if name == "ship" else [name.upper()]), *arguments.all(), "", "", ""]
    text = f"{prefix} {ship}".strip()
    return f"{text} ({number})" if number else text


def _range(prefix: str) -> Render:
    def render(name: str, arguments: Arguments) -> str:
        return prefix + "–".join(value for value in arguments.all()[:2] if value)

    return render


def _in_parentheses(name: str, arguments: Arguments) -> str:
    """Wiktionary's labels; those of ``lb`` follow the language."""
    labels = [value for value in arguments.all()[name in ("lb", "lbl") :] if value]
    return f"({(' ' if name in ('lb', 'lbl') else ', ').join(labels)})" if labels else ""


def _as_of(name: str, arguments: Arguments) -> str:
    since = "Since" if arguments["since"] else "As of"
    if arguments["lc"]:
        since = since.lower()
    return f"{since} {arguments[1]}" if arguments[1] else ""


def _rows(*rows: tuple[str, Render]) -> dict[str, Render]:
    return {name: render for names, render in rows for name in names.split(", ")}


_PROSE: dict[str, Render] = _rows(
    # Formatting around words.
    (
        "nowrap, nobr, nobreak, no wrap, nobold, noitalic, normal, small, smaller, large, larger, big, "
        "sc, smallcaps, smcaps, caps, em, strong, kbd, var, mvar, math, bigmath, mono, serif, "
        "abbr, abbrlink, tooltip, hover title, dfn, sub, underline, u, overline, "
        "visible anchor, vanchor, not a typo, typo, as written, bracket, unicode, polytonic, key, button, "
        "ill, interlanguage link, interlanguage link multi, illm, link-interwiki, red link, le, link-en, "
        "仮リンク, ruby, ルビ, petites capitales, formatnum, lc, uc, lcfirst, ucfirst, nts, number",
        _argument("lt", 1, "text"),
    ),
    ("resize, font, fontcolor, font color, color, colour, colored text", _last),
    ("code, samp", _argument("code", 1, "text")),
    (
        "citation needed span, cn span, cns, fact span, clarify span, dubious span, disputed span, "
        "référence nécessaire, référence souhaitée, refnec, 要出典範囲, нет аи 2",
        _argument(1, "text", "texte"),
    ),
    ("linktext", _joined("")),
    ("keypress", _joined("+")),
    ("tsl", _argument(4, 3, 2)),
    # Articles that other languages have: title, label, language, title there.
    (
        "iw, iw2, нп, нп1, нп2, нп3, нп4, нп5, не переведено, не переведено 2, не переведено 3, не переведено 4, "
        "не переведено 5, не перекладено, не перекладено 2",
        _argument(2, 1),
    ),
    ("lien", _argument("texte", 3, "fr", 1)),
    ("lang, wikt-lang, langx, lang2", _lang),
    (
        "transl, transliteration, translit, tlit, rtl-lang, script, ipa, ipa symbol, ipalink, "
        "ipaslink, ipablink",
        _last,
    ),
    ("angbr, angle bracket, angbr ipa, grapheme", _around("⟨", "⟩")),
    ('", quote inline, qi, \'"', _around('"', '"')),
    ("citation", _around("« ", " »", 1)),
    ("sic", lambda name, arguments: f"{arguments[1]} [sic]".strip()),
    (
        "quote, blockquote, quotation, cquote, rquote, bquote, quote box, block quote, zitat, cita, "
        "citazione, citação, citaat, цитата, citation bloc",
        _around("\n\n", "\n\n", "text", "quote", "content", "Text", 1),
    ),
    # Quantities, dates.
    (
        "convert, cvt, conv, converted, converter, convertir, conversion, dönüştür, রূপান্তর, تبدیل, تحويل",
        _convert,
    ),
    ("num, число, nombre, currency", _joined(" ")),
    ("dash year", _range("")),
    ("frac, sfrac, fraction, tfrac, dfrac", _fraction),
    ("val", _value),
    ("e", _power("×10")),
    ("sup", _power("")),
    ("10^", _power("10")),
    ("chem, chem2, chemf, chemical formula", _joined("")),
    ("unité, unidad, date, date-, bibleverse, bibleref2", _joined(" ")),
    ("oldstyledate, oldstyledatedy", lambda name, arguments: ", ".join(arguments.all()[:2])),
    ("circa, c., ca., ca", _range("c. ")),
    ("floruit, fl, fl.", _range("fl. ")),
    ("reign, r., reigned", _range("r. ")),
    ("as of", _as_of),
    ("us$, usd", _around("US$", "")),
    ("gbp, £", _around("£", "")),
    ("€, eur, euro", _around("€", "")),
    ("inr, indian rupee", _around("₹", "")),
    # Names.
    ("nihongo, nihongo2, nihongo3, nihongo foot", _nihongo),
    ("読み仮名, 読み仮名 ruby不使用", _reading),
    ("uss, hms, ss, hmas, hmcs, rms, ms, mv, hmnzs, ins, sms, usns, uscgc, ship", _ship),
    ("flag, flagcountry, flagu, country, pays, flaglink, flagc", _argument(1)),
    ("sortname", _joined(" ")),
    # Wiktionary.
    ("t, t+, t-simple, t-check, t+check, tt, tt+, ux, usex", _argument("alt", 2)),
    ("w", _argument(2, 1)),
    ("taxlink, vern, ja-r, ngd, n-g, non-gloss definition, ipachar", _argument(1)),
    ("af, affix, prefix, suffix, compound, confix", lambda name, arguments: " + ".join(arguments.all()[1:])),
    ("qualifier, qual, gloss, sense, lb, lbl", _in_parentheses),
    ("l, m, link, mention, ll, m+, cog, cognate, noncog, ncog", _argument(3, 2)),
    ("der, inh, bor, derived, inherited, borrowed", _argument(4, 3)),
    # Signs.
    ("!", constant("|")),
    ("=", constant("=")),
    ("' \"", constant("'\"")),
    ("\" '", constant("\"'")),
    ('-", "-', constant('"')),
    ("'", constant("'")),
    ("'s", constant("'s")),
    ("ndash, en dash, endash", constant("–")),
    ("snd, snds, spaced ndash, spnd, spaced en dash, dash, spndash", constant(" – ")),
    ("mdash, mdashb, em dash, emdash, —", constant("—")),
    ("nbsp, space, spaces, thinsp, thin space, hair space, hairsp, pad, wbr, zwsp", constant(" ")),
    ("·, •, middot, dot, bullet, bull, sdot, *", constant(" · ")),
    ("pi", constant("π")),
    ("times, x", constant("×")),
    ("minus", constant("−")),
    ("plusmn", constant("±")),
    ("break, br, clear break, crlf", constant("\n")),
    ("lbrace, (", constant("{")),
    ("rbrace, )", constant("}")),
)

# {{lang-fr|mot}}, Japanese Wikipedia's {{en|word}},
# Chinese Wikipedia's {{link-de|…}}, German Wikipedia's {{frS|mot}}, parser functions.
_FAMILY = re.compile(
    r"(?:lang-|link-|internal link helper/)[a-z-]+$"
    r"|(?:ar|ca|cs|da|de|el|en|eo|es|eu|fi|fr|grc|he|hu|it|ja|ko|la|nl|pl|pt|ru|sv|tr|uk|vi|zh)$"
    r"|(?:ar|cs|da|el|en|es|fr|grc|he|hu|it|ja|ko|la|nl|pl|pt|ru|sv|tr|uk|zh)s$"
    r"|(?:formatnum|lc|uc|lcfirst|ucfirst):"
)


@lru_cache(maxsize=4096)  # a page names few templates, many times
def renderer(name: str) -> Render | None:
    """What shows a template's words, by its name in lower case; None where there are none to show."""
    return _PROSE.get(name) or (_argument(1, "text") if _FAMILY.match(name) else None)
