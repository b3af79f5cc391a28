"""`python -m pipeline --help`: groups with their options, sections, and the keys of those that are named."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.config.choices import as_kind, section_classes
from pipeline.config.command_words import as_typed
from pipeline.config.document import Row, default_of, default_options, key_row, key_rows, options_in_words
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.text.nearest import one_of

USAGE = """\
python -m pipeline [stage=STAGE] [experiment=NAME] [group=option] [key=value] …

Brings a stage up to date with all that it needs. Later words win; what is not
set has its default. Before a run dryrun=true tells what it would do and need,
show_config=true what is set, and by what."""

NAME_WIDTH = 12

Options = Mapping[str, Sequence[tuple[str, str, bool]]]
"""By group its options: name, what it is, and whether it is the default."""


def usage(names: Sequence[str] = (), width: int | None = None) -> str:
    """The overview; with names of sections or groups their keys and options, a line each.

    Raises:
        UserError: where there is no such section or group.
    """
    columns = width or shutil.get_terminal_size((100, 24)).columns
    docs, options = _section_docs(), _option_rows()
    known = sorted({*docs, *options})
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            f"--help {unknown[0]}: there is no such section or group; {one_of(unknown[0], known)}"
        )
    lines = _details(names, docs, options, columns) if names else _overview(docs, options, columns)
    return "\n".join(lines)


def _overview(docs: Mapping[str, str], options: Options, columns: int) -> Iterator[str]:
    yield from USAGE.splitlines()
    yield "\nGroups (group=option; the one with a star is taken where none is named):"
    for group, rows in options.items():
        names = ", ".join(f"{name}*" if default else name for name, _, default in rows)
        yield from _entry(group, names, columns, whole=True)
    yield "\nSections (section.key=value):"
    for name, doc in docs.items():
        yield from _entry(name, doc, columns)
    yield "\n--help NAME … lists a section's keys and a group's options: --help trainer optim"


def _details(names: Sequence[str], docs: Mapping[str, str], options: Options, columns: int) -> Iterator[str]:
    for name in names:
        yield f"{name}: {docs.get(name, '')}".rstrip(": ")
        chosen = [
            (f"{name}={option}" + ("*" if default else ""), what)
            for option, what, default in options.get(name, ())
        ]
        keys = {
            heading: [(f"{key}={default}", f"[{types}] {meaning}") for key, types, default, meaning in rows]
            for heading, rows in _keys(name).items()
        }
        lefts = [left for entries in (chosen, *keys.values()) for left, _ in entries]
        widest = min(max(map(len, lefts), default=0), columns // 3)
        for heading, entries in (("", chosen), *keys.items()):
            if entries and heading:
                yield f"\n {heading}:"
            for left, text in entries:
                yield from _entry(left, text.replace("`", ""), columns, widest, whole=True)
        yield ""


def _entry(
    name: str, text: str, columns: int, widest: int = NAME_WIDTH, whole: bool = False
) -> Iterator[str]:
    """A name with what it is: cut to what fits beside it on a line, or whole below each other."""
    left = f"  {name:<{widest}}  "
    if whole and len(name) > widest:
        yield f"  {name}"
        left = " " * (widest + 4)
    room = max(20, columns - len(left))
    if not whole:
        yield left + textwrap.shorten(text, room, placeholder=" …")
        return
    for line in textwrap.wrap(text, room):
        yield left + line
        left = " " * len(left)


def _section_docs() -> dict[str, str]:
    """What each section is, in its first sentence; of values at the top, too."""
    docs = {}
    for name, field in RootConfig.model_fields.items():
        kind, classes = as_kind(field.annotation), section_classes(field.annotation)
        told = field.description or "" if not classes else (kind or classes[0]).__doc__ or ""
        docs[name] = _first_sentence(told)
    return docs


def _option_rows() -> Options:
    chosen = default_options()
    return {
        group: [
            (name, _first_sentence(what), chosen.get(group) == name)
            for name, (what, _) in sorted(each.items())
        ]
        for group, each in sorted(options_in_words().items())
    }


def _keys(section: str) -> dict[str, list[tuple[str, str, str, str]]]:
    """The keys of a section: key, type, default and meaning. Those that all its choices have stand under "", those of
    a choice under words that name it."""
    field = RootConfig.model_fields.get(section)
    if field is None:
        return {}
    if not section_classes(field.annotation):
        return {"": _shown_rows([key_row(section, field, default_of(field), seen=False)])}
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    kind, classes = as_kind(field.annotation), section_classes(field.annotation)
    if kind is None or not classes[1:]:
        return {"": _shown_rows(row for each in classes for row in key_rows(each, section, default, False))}
    tag = f"`{section}.{kind.tag}`"  # which is the group's own word
    rows = {
        name: [row for row in key_rows(each, section, None, False) if row[0] != tag]
        for name, each in kind.choices().items()
    }
    shared = [row for row in next(iter(rows.values())) if all(row in each for each in rows.values())]
    own = {
        f"with {section}={name}": _shown_rows(row for row in each if row not in shared)
        for name, each in rows.items()
    }
    return {"": _shown_rows(shared), **own}


def _shown_rows(rows: Iterable[Row]) -> list[tuple[str, str, str, str]]:
    """As `--help` has them: a value that is left empty is called as it is typed."""
    return [
        (key.strip("`"), types, value.strip("`*"), as_typed(_first_sentence(meaning.replace("&lt;", "<"))))
        for key, types, value, meaning, _ in dict.fromkeys(rows)
    ]


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:])(?<!et al\.)\s+(?=[A-Z`(])", " ".join(text.split()), maxsplit=1)[0]
