"""Pairs of texts that belong together, and as many that do not, as examples with labels.

Who has translations or summaries has a task for pairs: to tell those of the same row from those of two. Its labels are
nobody's judgement, and it needs no more than the texts.
"""

import hashlib
from collections import Counter

from pipeline.config.tasks.classify import ClassifyDataConfig
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import count_unread, texts_in
from train.finetuning.label_rows import LabelledText

MATCH, OTHER = "match", "other"


def read_matching(path: RowSource, config: ClassifyDataConfig, unread: Counter[str]) -> list[LabelledText]:
    """The rows of a file in their order, a half of which have got the second text of another.

    Which half it is, and whose text each gets, follows from a hash of the texts: it is the same in every run. The other
    texts are handed round, so each stands in one example, and none tells by itself which label is right.

    Raises:
        UserError: naming all rows that lack a text.
    """
    names = (
        config.prompt_field or "",
        config.second_field or "",
    )  # as `ClassifyDataConfig.problems` asks for

    def read(where: str, row: Fields) -> tuple[str, str]:
        count_unread(unread, row, set(names))
        return " ".join(texts_in(where, row, names[0])), texts_in(where, row, names[1])[0].strip()

    pairs = list(read_each(path, read, all(name.isdigit() for name in names)))
    order = sorted(range(len(pairs)), key=lambda number: _digest(*pairs[number]))
    changed = order[: len(order) // 2]
    seconds = [second for _, second in pairs]
    for number, giver in zip(changed, [*changed[1:], *changed[:1]], strict=True):
        seconds[number] = pairs[giver][1]
    return [
        LabelledText(first, (MATCH if second == own else OTHER,), second)
        for (first, own), second in zip(pairs, seconds, strict=True)
    ]


def _digest(first: str, second: str) -> bytes:
    return hashlib.blake2b(f"{first}\0{second}".encode(), digest_size=16).digest()
