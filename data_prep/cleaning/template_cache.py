"""What was learned of templates, in the scratch folder of a cleaning and in the store.

In the store it lies under the hash of the dumps that it was learned from: they are read for it once, however often
their articles are cleaned with other settings.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.template_rules import Rule
from data_prep.reading.pieces import Parts
from pipeline.store import durable

VERSION = 1
"""Raised by hand when the code learns something else of the same dump."""
CACHE = ".templates"
"""Folder in the store."""


class LearnedTemplates(TypedDict):
    """What is known of the templates of a wiki: see `TemplateBook`."""

    rules: Mapping[str, Rule]
    disambiguations: list[str]


Learned = dict[str, LearnedTemplates]
"""By wiki (`Site.key`)."""


def cache_path(store: Path, parts: Parts) -> Path:
    """Where what the dumps of a corpus teach is kept."""
    hashes = [
        file.sha256 for source, _ in parts.values() if source.format == "mediawiki" for file in source.files
    ]
    return store / CACHE / f"{hashlib.sha256(json.dumps([VERSION, hashes]).encode()).hexdigest()[:32]}.json"


def write_learned(path: Path, learned: Learned) -> None:
    """Write the rules of each wiki behind their hash; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(learned, ensure_ascii=False)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}", encoding="utf-8")
    durable.replace(scratch, path)


def read_learned(path: Path, log: logging.Logger) -> Learned | None:
    """What `write_learned` wrote; None where there is nothing, or something else."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read (%s): what templates show is learned again", path, error)
        return None
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        log.warning("%s is not as it was written: what templates show is learned again", path)
        return None
    return json.loads(text)


def load_books(path: Path) -> dict[str, TemplateBook]:
    """What was learned of each wiki, by `Site.key`."""
    learned = read_learned(path, logging.getLogger("data_prep"))
    if learned is None:
        raise ValueError(f"{path} does not hold what was learned of templates")
    return as_books(learned)


def as_books(learned: Learned) -> dict[str, TemplateBook]:
    return {
        key: TemplateBook(of_wiki["rules"], of_wiki["disambiguations"]) for key, of_wiki in learned.items()
    }
