"""Formats of corpora: from what the download stage sees to the cleaned text of each document."""

import bz2
import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.cleaning.document_processor import DocumentProcessor
from data_prep.reading.pieces import plan_pieces
from data_prep.reading.readers import CorpusReader
from data_prep.sources import files, wikitext
from pipeline.config.clean import CleanConfig
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.corpora.wikitext import WikiTextCorpus
from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.formats.source import Source
from pipeline.tracking.tracker import Tracker
from tests.fuzz.mutations import mutated

TEXTS = [
    "The river rises in the hills, and it flows past three towns before it meets the sea. Fish live in it.",
    "Der Fluß entspringt in den Bergen; er fließt an drei Städten vorbei. «Ja», sagte sie – «gewiß».",
    "川は山に源を発し、三つの町を過ぎて海に注ぐ。\n\nनदी पहाड़ों से निकलती है।\t“Quoted”, and 555-0100 as a number.",
] * 3
WIKI = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
<siteinfo><sitename>Wiki</sitename><dbname>testwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base>
<generator>MediaWiki 1.43</generator><case>first-letter</case><namespaces><namespace key="0" case="first-letter"/>
<namespace key="10" case="first-letter">Template</namespace><namespace key="14">Category</namespace></namespaces>
</siteinfo>
"""
PAGE = """<page><title>{title}</title><ns>{ns}</ns><id>{id}</id><revision><id>{id}</id>
<timestamp>2024-01-01T00:00:00Z</timestamp><model>wikitext</model><format>text/x-wiki</format>
<text bytes="9" xml:space="preserve">{text}</text></revision></page>
"""
MARKUP = """'''River''' is a [[stream|large stream]] of {{convert|3|km|mi}} in the north.&lt;ref name="a"&gt;
{{cite web|url=x}}&lt;/ref&gt; {{Infobox river|name=River|length={{nowrap|3 km}}}}
{| class="wikitable"
! a !! b
|-
| 1 || [[File:x.jpg|thumb|A ''caption'']]
|}
== History ==
* one {{lang|de|Fluß}} &lt;math&gt;x^2&lt;/math&gt; &lt;!-- gone --&gt;
# two &lt;nowiki&gt;[[x]]&lt;/nowiki&gt; {{#if:x|y|z}} [https://x.org link] __NOTOC__
[[Category:Rivers]]"""


def _dump() -> str:
    pages = [PAGE.format(title="Template:Nowrap", ns=10, id=1, text="&lt;span&gt;{{{1}}}&lt;/span&gt;")]
    pages += [PAGE.format(title=f"River {n}", ns=0, id=n, text=MARKUP + TEXTS[n % 3]) for n in range(2, 5)]
    return WIKI + "".join(pages) + "</mediawiki>\n"


def _parquet(folder: Path) -> bytes:
    table = pa.table(
        {"text": TEXTS, "title": [f"Title {n}" for n in range(len(TEXTS))], "n": range(len(TEXTS))}
    )
    pq.write_table(table, folder / "sound.parquet", row_group_size=4)
    return (folder / "sound.parquet").read_bytes()


def _jsonl(_: Path) -> bytes:
    return "".join(
        json.dumps({"text": text, "title": "t", "n": [1, {"a": None}]}) + "\n" for text in TEXTS
    ).encode()


def _wikitext(_: Path) -> bytes:
    return "".join(
        f" = Title {n} = \n \n {text} @-@ <unk> \n = = Part = = \n" for n, text in enumerate(TEXTS)
    ).encode()


SOUND: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "parquet": ("a.parquet", _parquet),
    "jsonl": ("a.jsonl", _jsonl),
    "jsonl.gz": ("a.jsonl.gz", _jsonl),
    "txt": ("a.txt", lambda _: "\n\n".join(TEXTS).encode()),
    "xml": ("a.xml", lambda _: _dump().encode()),
    "xml.bz2": ("a.xml.bz2", lambda _: _dump().encode()),
    "xml.gz": ("a.xml.gz", lambda _: _dump().encode()),
    "wikitext": ("wiki.train.tokens", _wikitext),
}
"""A file's name and how its sound content, before it is compressed, is made, by target."""
COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress}


def corpus_round(target: str) -> Callable[[Path, Random], None]:
    """Damages a file and takes it through download and cleaning."""
    name, sound = SOUND[target]

    def one(folder: Path, random: Random) -> None:
        (folder / "scratch").mkdir()
        compress = COMPRESS.get(target.rpartition(".")[2], bytes)
        content = sound(folder / "scratch")
        inside = random.random() < 0.5
        content = compress(mutated(content, random)) if inside else mutated(compress(content), random)
        data, artifact = folder / "data", folder / "download"
        data.mkdir()
        artifact.mkdir()
        (data / name).write_bytes(content)
        for split in ("valid", "test") if target == "wikitext" else ():
            (data / f"wiki.{split}.tokens").write_bytes(sound(folder / "scratch"))
        context = Context(
            artifact, {}, Tracker(artifact), logging.getLogger("fuzz"), RunConfig(progress=False)
        )
        if target == "wikitext":
            source = wikitext.fetch(WikiTextCorpus(path=str(data)), context)
        else:
            source = files.fetch(FilesCorpus(paths=[str(data)]), context)
        source.save(artifact)
        _clean(Source.load(artifact), artifact)

    return one


def _clean(source: Source, folder: Path) -> None:
    reader = CorpusReader(source, folder, max_page=1_000_000)
    processor = DocumentProcessor(CleanConfig(), source.format, None, (), "off", None)
    for piece in plan_pieces({"": (source, folder)}, piece_bytes=500):
        for record in reader.read_piece(piece, on_damage=lambda file, damage: None):
            processor.process(record)
