"""Dumps made for tests."""

import bz2
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ja">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>jawiki</dbname>
    <base>https://ja.wikipedia.org/wiki/%E3%83%A1</base>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">ファイル</namespace>
      <namespace key="102" case="first-letter">A &amp; B</namespace>
    </namespaces>
  </siteinfo>
"""
FOOTER = "</mediawiki>\n"


def header(language: str, namespaces: Mapping[int, str]) -> str:
    """Of a dump of a language's Wikipedia, with its names of namespaces."""
    names = "".join(
        f'<namespace key="{key}" case="first-letter">{name}</namespace>' for key, name in namespaces.items()
    )
    return (
        f'<mediawiki version="0.11" xml:lang="{language}">\n<siteinfo><sitename>Wikipedia</sitename>'
        f"<dbname>{language}wiki</dbname><base>https://{language}.wikipedia.org/wiki/A</base><case>first-letter</case>"
        f"<namespaces>{names}</namespaces></siteinfo>\n"
    )


def page_xml(number: int, text: str, title: str | None = None, namespace: int = 0) -> str:
    return f"""  <page>
    <title>{html.escape(title or f"Page {number}")}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>
    <revision>
      <id>{number + 1000}</id>
      <timestamp>2024-05-01T00:00:00Z</timestamp>
      <model>wikitext</model>
      <text bytes="{len(text)}" xml:space="preserve">{html.escape(text)}</text>
      <sha1>x</sha1>
    </revision>
  </page>
"""


def dump(*texts: str) -> bytes:
    return (HEADER + "".join(page_xml(i, text) for i, text in enumerate(texts, 1)) + FOOTER).encode()


def multistream(pages: Sequence[str], per_stream: int, header: str = HEADER) -> tuple[bytes, list[int]]:
    """A multistream dump of pages given as XML, and where each stream of pages begins in it."""
    data, starts = bz2.compress(header.encode()), []
    for first in range(0, len(pages), per_stream):
        starts.append(len(data))
        data += bz2.compress("".join(pages[first : first + per_stream]).encode())
    return data + bz2.compress(FOOTER.encode()), starts


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
