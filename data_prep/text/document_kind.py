"""What kind of document a text is: an article, a stub, or a list."""

import re
from itertools import islice
from typing import Literal

from data_prep.text.line_features import BULLETS, LINE, LINES_EXAMINED
from pipeline.config.filters import FilterConfig
from pipeline.text.sentences import ends_sentence
from pipeline.text.words import split_words

DocumentKind = Literal["article", "stub", "list"]

# "List of …" as Wikipedias name such pages. Where the word alone begins them, a name such as Lista Airport must not.
_LIST_TITLE = re.compile(
    r"(?:Lists? of|Listen? (?:der|des|von|aller)|Listes? (?:de|du|des)|Liste d['’]|Liste over|Lijst van"
    r"|Listas? (?:de|del|do|da|dos|das|över)|Lista (?:di|dei|degli|delle)|Danh sách|Списък|Перелік"
    r"|Список|قائمة|فهرست|רשימת)\b"
    r"|(?:Lista|Seznam|Zoznam|Luettelo|Daftar) (?=[a-zà-ž])"
    r"|.*(?:一覧|列表|목록| listesi|listája)$"
)
_NUMBERED = re.compile(r"\d{1,3}[.)] ")
_CELLS = " | "


def document_kind(text: str, title: str, config: FilterConfig) -> DocumentKind:
    """A list is called so in its title, or has most of its characters in list items and table rows
    (`config.list_ratio`); a stub has fewer than `config.stub_words` words in lines that end a sentence."""
    if _LIST_TITLE.match(title):
        return "list"
    listed = characters = prose_words = 0
    for match in islice(LINE.finditer(text), LINES_EXAMINED):
        line = match[0].strip()
        characters += len(line)
        if line.startswith(BULLETS) or _CELLS in line or _NUMBERED.match(line):
            listed += len(line)
        elif prose_words < config.stub_words and ends_sentence(line):
            prose_words += len(split_words(line))
    if listed > config.list_ratio * characters:
        return "list"
    return "stub" if prose_words < config.stub_words else "article"
