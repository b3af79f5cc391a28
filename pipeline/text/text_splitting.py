"""How text is split before a tokenizer's model sees it, and where it may be cut without changing that."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""Radford et al. (2019). Syntax common to Oniguruma (`tokenizers`) and the `regex` package."""

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")

NEWLINES = r"[\r\n]+"
"""Where the Unigram tokenizer is split besides at spaces: no token reaches across the end of a line."""

PIECE_CHARS = 8_000
"""Length of the pieces that a text is encoded in. `tokenizers` takes over 600 bytes of memory a token
meanwhile."""

MAX_PIECE_CHARS = 100_000


def modern_pattern(han_run: int | None) -> str:
    r"""Llama 3's pattern, where combining marks belong to the word and runs of Han characters are bounded.

    Without marks (`\p{M}`) every vowel sign of Hindi or Thai would end a word. Chinese has no spaces: without
    a bound, whole clauses are words, and counting them takes time and memory and helps nobody.
    """
    han = rf"\p{{Han}}{{1,{han_run}}}|" if han_run else ""
    letters = r"[\p{L}\p{M}&&[^\p{Han}]]" if han_run else r"[\p{L}\p{M}]"
    return (
        rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|{han}[^\r\n\p{{L}}\p{{M}}\p{{N}}]?{letters}+|\p{{N}}{{1,3}}"
        r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


LINE_CUT = re.compile(r"(?<=\S)(?= )|(?<=\n)(?=\S)")
"""Before the space after a word, and before a line's first character: a cut there leaves the tokens of all
splitters named here as they are, but for GPT-2's, to which it matters what follows a line break."""

GPT2_CUT = re.compile(r"(?<=\S)(?=[ \t\r\n])")
"""Before any white space: no cut for GPT-2's pattern to notice. Llama 3's joins line breaks to a full
stop."""


def split_text(text: str, cut: re.Pattern[str], limit: int = PIECE_CHARS) -> Iterator[str]:
    """Pieces of `limit` characters or a little more that give, encoded one by one, the tokens of the whole.

    Text that offers no cut within `MAX_PIECE_CHARS` is not language but data; it is cut there all the same,
    which may change the tokens around that point.
    """
    start = 0
    while len(text) - start > limit:
        farthest = start + max(MAX_PIECE_CHARS, 2 * limit)
        found = cut.search(text, start + limit, farthest)
        end = found.start() if found else farthest
        yield text[start:end]
        start = end
    if start < len(text) or not text:
        yield text[start:]


def safe_cut(tokenizer: Mapping[str, Any]) -> re.Pattern[str] | None:
    """Where a tokenizer's text may be cut; None where that is not known, as for some pretrained tokenizers.

    Args:
        tokenizer: the content of tokenizer.json.
    """
    normalizer = tokenizer.get("normalizer") or {"type": None}
    if normalizer["type"] not in (None, "NFC", "BertNormalizer"):
        return None
    splitter = tokenizer.get("pre_tokenizer")
    if splitter is None:
        model = tokenizer["model"]
        return LINE_CUT if model["type"] == "BPE" and not model["merges"] else None
    first, *rest = splitter["pretokenizers"] if splitter["type"] == "Sequence" else [splitter]
    match first["type"], [part["type"] for part in rest]:
        case "BertPreTokenizer", []:
            return LINE_CUT
        case "ByteLevel", [] if first["use_regex"] and not first["add_prefix_space"]:
            return GPT2_CUT
        case "Split", ["ByteLevel"] if not (rest[0]["use_regex"] or rest[0]["add_prefix_space"]):
            pattern = re.sub(r"(?<=\\p\{Han\}\{1,)\d+", "4", first["pattern"].get("Regex", ""))
            if pattern in (LLAMA3_PATTERN, QWEN2_PATTERN, modern_pattern(4), modern_pattern(None)):
                return LINE_CUT
        case "Split", ["Metaspace"] if first["pattern"].get("Regex") == NEWLINES:
            return LINE_CUT if rest[0]["prepend_scheme"] == "never" else None
    return None
