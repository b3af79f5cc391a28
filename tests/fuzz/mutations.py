"""Damage to files as disks, transfers, editors and other programs do it."""

from random import Random

TOKENS = [
    *(
        b"\0",
        b"\xff",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
        b"\n\n",
        b'"',
        b"'",
        b"\\",
        b"\t",
        b",",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"{}",
        b"[]",
        b"null",
        b"true",
        b"-1",
        b"1e999",
        b"NaN",
        b'""',
        b"0",
        b"[" * 2000,
    ),
    *(
        b"9" * 30,
        b"9" * 5000,
        b"\\ud800",
        b"\\u0000",
        b"<",
        b">",
        b"&",
        b"&#0;",
        b"<!--",
        b"]]>",
        b"<![CDATA[",
    ),
    *(
        b"{{",
        b"}}",
        b"[[",
        b"]]",
        b"{|",
        b"|}",
        b"<ref>",
        b"</page>",
        b"<page>",
        b"'''''",
        b"\x7f\xff\xff\xff",
    ),
]


def mutated(content: bytes, random: Random) -> bytes:
    """The content with one to four damages, or another file's worth of nothing."""
    if random.random() < 0.03:
        return random.choice(
            [b"", b"{}", b"[]", b"null", b"7", b'"x"', b"garbage", bytes(random.randbytes(40))]
        )
    damages = (
        (_flip, _overwrite) if random.random() < 0.4 else _DAMAGES
    )  # the former leave what has offsets in place
    for _ in range(random.randint(1, 4)):
        content = random.choice(damages)(content, random)
    return content


def _place(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(content))
    return start, min(len(content), start + random.choice([1, 1, 4, 16, 200]))


def _flip(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 8])):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


def _remove(content: bytes, random: Random) -> bytes:
    start, end = _place(content, random)
    return content[:start] + content[end:]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = _place(content, random)
    return content[:end] + content[start:end] * random.choice([1, 1, 50]) + content[end:]


def _overwrite(content: bytes, random: Random) -> bytes:
    start, end = _place(content, random)
    filler = random.choice([bytes(end - start), b"\xff" * (end - start), random.randbytes(end - start)])
    return content[:start] + filler + content[end:]


def _insert(content: bytes, random: Random) -> bytes:
    start = random.randint(0, len(content))
    return content[:start] + random.choice(TOKENS) + content[start:]


def _replace_value(content: bytes, random: Random) -> bytes:
    """Another token in the place of a number or a text, as structure stays intact."""
    start = random.randint(0, len(content))
    for opening in (b":", b'"', b">", b"="):
        found = content.find(opening, start)
        if found >= 0 and random.random() < 0.5:
            ends = [
                end for mark in (b",", b'"', b"<", b"}", b"\n") if (end := content.find(mark, found + 1)) >= 0
            ]
            return content[: found + 1] + random.choice(TOKENS) + content[min(ends, default=len(content)) :]
    return _insert(content, random)


_DAMAGES = (_flip, _cut, _remove, _repeat, _overwrite, _insert, _insert, _replace_value, _replace_value)
