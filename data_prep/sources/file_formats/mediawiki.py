"""XML dumps of MediaWiki."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_prep.mediawiki.dump import read_site
from data_prep.mediawiki.site import WIKIMEDIA, WIKIMEDIA_LICENSE
from pipeline.config.corpora.files import FilesCorpus
from pipeline.formats.source import Source

ENDINGS = (".xml", ".xml.bz2", ".xml.gz")
ONE_DOCUMENT = False


def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
    """With licence and attribution of a wiki of Wikimedia."""
    wiki = read_site(paths[0])
    if not WIKIMEDIA.search(wiki.base):
        return source
    return replace(
        source,
        license=WIKIMEDIA_LICENSE,
        attribution=f"The contributors of {wiki.dbname or wiki.name}",
        url=wiki.base,
    )
