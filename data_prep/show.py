"""One page of a dump, its wikitext beside the text that cleaning makes of it, section by section.

    python -m data_prep.show TITLE [--dump PATH] [--out FILE.html] [markup.tables=text …]

Settings are those of the clean section (`markup.…`, `chinese`, `normalization`).
"""

import argparse
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.cleaning.chinese import ChineseConverter
from data_prep.cleaning.template_cache import as_books, cache_path, read_learned
from data_prep.mediawiki.dump import Page, iter_pages, read_site
from data_prep.mediawiki.lookup import find_page
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.text import WikitextCleaner
from data_prep.text.normalize import normalize
from pipeline.config.clean import CleanConfig
from pipeline.config.command_words import read_settings
from pipeline.errors import UserError, exit_on_user_error
from pipeline.formats.documents import Meta
from pipeline.formats.source import Source
from pipeline.store.artifacts import MANIFEST
from pipeline.templates import html_templates
from pipeline.text.letters import MARKS
from pipeline.text.nearest import nearest

_DOWNLOADS = Path("artifacts/download")
_HEADING = re.compile(r"^(={1,6})(?!=)(.*[^=\s].*?)(={1,6})[ \t]*((?:<!--[^\n]*-->)?[ \t]*)$", re.MULTILINE)
# Around a heading's number, from the private use area: so a heading is found again in the text.
_MARK = re.compile("\ue000(\\d+)\ue001")
_MOST_TITLES = 20_000
_LONGEST_NAME = 200
"""Bytes."""


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, before and after cleaning."""

    heading: str
    """The line of wikitext; empty before the first."""
    level: int
    wikitext: str
    title: str = ""
    """The heading in the text; empty where it was dropped."""
    paragraphs: tuple[str, ...] = ()

    @property
    def before(self) -> int:
        return len((self.heading + self.wikitext).encode())

    @property
    def after(self) -> int:
        return len("\n\n".join([*([self.title] if self.title else []), *self.paragraphs]).encode())


def align(
    wikitext: str, cleaner: WikitextCleaner, headings: bool = True, title: str = ""
) -> tuple[list[Section], Meta]:
    """The sections of a page, and what goes into the document's meta.

    Args:
        cleaner: one that keeps headings; they tell where a section's text begins.
        headings: whether they are shown in the text.
        title: of the page.
    """
    found = [match for match in _HEADING.finditer(wikitext) if "\n" not in match[0]]
    marked = wikitext
    for number, match in reversed(list(enumerate(found))):
        end = match.end(2)
        marked = f"{marked[:end]}\ue000{number}\ue001{marked[end:]}"
    text, meta = cleaner.clean(marked, title)
    titles: dict[int, str] = {}
    paragraphs: dict[int, list[str]] = {}
    current = -1
    for paragraph in text.split("\n\n"):
        mark = _MARK.search(paragraph)
        if mark and mark.end() == len(paragraph) and "\n" not in paragraph:
            current = int(mark[1])
            titles[current] = paragraph[: mark.start()].strip()
        elif paragraph:
            paragraphs.setdefault(current, []).append(_MARK.sub("", paragraph))
    starts = [(-1, "", 2, 0), *((n, m[0], min(len(m[1]), len(m[3])), m.end()) for n, m in enumerate(found))]
    ends = [*(match.start() for match in found), len(wikitext)]
    sections = [
        Section(
            heading.strip(),
            level,
            wikitext[start:end].strip("\n"),
            titles.get(number, "") if headings else "",
            tuple(paragraphs.get(number, ())),
        )
        for (number, heading, level, start), end in zip(starts, ends, strict=True)
    ]
    return [section for section in sections if section.heading or section.wikitext], meta


def render(
    page: Page,
    site: Site,
    dump: str,
    config: CleanConfig,
    settings: dict[str, str],
    templates: TemplateBook | None = None,
) -> str:
    """The HTML page; everything is escaped.

    Args:
        templates: what was learned of the wiki's templates.
    """
    markup = config.markup.model_copy(update={"headings": True})
    converter = None if config.chinese == "as_is" else ChineseConverter(config.chinese)

    def finish(text: str) -> str:
        text = normalize(text, config.normalization)
        return converter.convert(text) if converter else text

    cleaner = WikitextCleaner(site, markup, config.chinese, templates)
    sections, meta = align(page.text, cleaner, config.markup.headings, page.title)
    sections = [
        Section(s.heading, s.level, s.wikitext, finish(s.title), tuple(finish(text) for text in s.paragraphs))
        for s in sections
    ]
    environment = html_templates(Path(__file__).parent)
    environment.filters["size"] = _in_bytes
    return environment.get_template("show.html.j2").render(
        page=page,
        site=site,
        language=site.language,
        dump=dump,
        settings=settings,
        sections=sections,
        meta={"infobox": None, "links": None, **meta},
        before=len(page.text.encode()),
        after=sum(section.after for section in sections),
    )


def find(dumps: Sequence[Path], title: str) -> tuple[Page, Path]:
    """The page of this title, or the one that it redirects to.

    Raises:
        UserError: where there is none, with titles that look alike.
    """
    found = next(((page, dump) for dump in dumps if (page := find_page(dump, title))), None)
    if found is not None:
        if found[0].title != title:
            print(f"{title} leads to {found[0].title}")
        return found
    near = nearest(title, _candidates(dumps, title), most=5)
    hint = f" Near titles: {', '.join(near)}." if near else ""
    raise UserError(f"no page {title!r} in {', '.join(map(str, dumps))}.{hint}")


def _candidates(dumps: Sequence[Path], title: str) -> list[str]:
    """Titles that begin alike or hold this one: few enough to compare each."""
    whole, beginning = title.lower(), title[:2].lower()
    titles: list[str] = []
    for dump in dumps:
        for page in iter_pages(dump):
            name = page.title.lower()
            if name.startswith(beginning) or whole in name:
                titles.append(page.title)
                if len(titles) == _MOST_TITLES:
                    return titles
    return titles


def newest_dumps(downloads: Path = _DOWNLOADS) -> tuple[list[Path], dict[str, TemplateBook]]:
    """The files of the newest download artifact that holds a dump, and what a cleaning of it learned of its templates.

    Raises:
        UserError: where there is none.
    """
    manifests = sorted(downloads.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for manifest in manifests:
        source = Source.load(manifest.parent)
        if source.format == "mediawiki":
            path = cache_path(downloads.parent, {"": (source, manifest.parent)})
            learned = read_learned(path, logging.getLogger("data_prep")) or {}
            return [source.locate(file, manifest.parent) for file in source.files], as_books(learned)
    raise UserError(f"no download of a MediaWiki dump in {downloads}: name a file with --dump PATH")


def _in_bytes(count: int) -> str:
    return f"{count:,} B" if count < 1000 else f"{count / 1000:,.1f} kB"


def file_of(title: str) -> Path:
    """A file's name for a page; a title of 255 bytes, as long as one may be, leaves no room for the ending."""
    name = re.sub(rf"[^\w{MARKS}.-]+", "_", title).lstrip(".")
    return Path(f"{name.encode()[:_LONGEST_NAME].decode(errors='ignore') or '_'}.html")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m data_prep.show", description=__doc__.partition("\n")[0])
    parser.add_argument("title", help="as the page's title stands in the wiki")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="such as markup.tables=text")
    parser.add_argument("--dump", type=Path, help="a MediaWiki dump; default: the newest download's")
    parser.add_argument("--out", type=Path, help="the HTML file; default: named after the title")
    args = parser.parse_intermixed_args()
    with exit_on_user_error():
        words = [word.removeprefix("clean.") for word in args.settings]
        config, settings = read_settings(CleanConfig, words), dict(word.split("=", 1) for word in words)
        if args.dump and not args.dump.is_file():
            raise UserError(f"there is no file {args.dump}")
        if args.out and not args.out.parent.is_dir():
            raise UserError(
                f"there is no folder {args.out.parent} to write {args.out.name} into; make it first"
            )
        learned: dict[str, TemplateBook] = {}
        dumps = [args.dump]
        if args.dump is None:
            dumps, learned = newest_dumps()
        page, dump = find(dumps, args.title)
        out, site = args.out or file_of(page.title), read_site(dump)
        html = render(page, site, dump.name, config, settings, learned.get(site.key))
        out.write_text(html, encoding="utf-8")
        print(f"wrote {out.resolve()}")


if __name__ == "__main__":
    main()
