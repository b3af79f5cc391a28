"""The programming language of a file, by its ending, its name, or the interpreter that its first line names."""

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from identify import extensions, identify, interpreters

from pipeline.errors import UserError
from pipeline.text.nearest import did_you_mean

NOT_CODE = frozenset(
    (
        *("apinotes", "asciidoc", "avro-schema", "beancount", "bib", "cargo-lock", "codespellrc"),
        *("csv", "cson", "dbc", "diff", "dotenv", "dtd", "edn", "ejson", "geojson", "gemfile-lock"),
        *("gitattributes", "gitconfig", "gitignore", "gitmodules", "go-sum", "gpx", "icalendar"),
        *("image", "ini", "inx", "java-properties", "json", "json5", "jsonld", "jupyter", "kml"),
        *("lazarus-form", "lektor", "mailmap", "manifest", "map", "markdown", "mdx", "mib"),
        *("musescore", "myst", "ngdoc", "pem", "pipfile-lock", "piskel", "plain-text", "plantuml"),
        *("pofile", "poetry-lock", "quarto", "relax-ng", "resx", "rst", "salt", "sln", "svg"),
        *("swiftdeps", "textproto", "toml", "tsv", "urdf", "uv-lock", "vdx", "wkt", "xliff", "xml"),
        *("yaml", "yamlld"),
    )
)
"""Tags of data, settings and prose. A file with one of them is taken where its language is asked for."""
_FORMS = frozenset({"text", "header"})
"""Tags that are no language."""


@cache
def known_languages() -> Counter[str]:
    """Tags that may be asked for, each with the number of endings, names and interpreters that have it."""
    tables = (extensions.EXTENSIONS, extensions.NAMES)
    of_text = [tags for table in tables for tags in table.values() if "text" in tags]
    every = [*of_text, *interpreters.INTERPRETERS.values()]
    return Counter(tag for tags in every for tag in tags if tag not in _FORMS)


def check_languages(asked: Iterable[str]) -> None:
    """Raises: UserError: for a language that there is not, with the nearest name."""
    if unknown := [name for name in asked if name not in known_languages()]:
        near = did_you_mean(unknown[0], known_languages())
        raise UserError(
            f"corpus.languages names {unknown[0]!r}, which is none of the tags of "
            f"https://github.com/pre-commit/identify" + (f"; {near}" if near else "")
        )


def language_of(path: Path, asked: Collection[str] | None) -> str | None:
    """The language of a file; None of one that is no code, or in none of the languages that are asked for.

    Where several are possible it is one that is asked for, and C of a header; else the most general, which the most
    endings have: a script of bash is one of `shell`.
    """
    tags = identify.tags_from_filename(path.name) or _tags_of_first_line(path)
    if "binary" in tags:
        return None
    languages = tags - _FORMS
    if asked is not None:
        languages &= set(asked)
    elif languages & NOT_CODE:
        return None
    order = known_languages()
    return min(languages, key=lambda tag: (tag != "c", -order[tag], tag), default=None)


def _tags_of_first_line(path: Path) -> set[str]:
    """Of a file without an ending: the languages of the interpreter that its first line calls."""
    if path.suffix:
        return set()
    with path.open("rb") as file:
        words = identify.parse_shebang(file)
    return identify.tags_from_interpreter(words[0]) if words else set()
