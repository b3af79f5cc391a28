"""Kept documents with what was dropped because of them, for people to look at."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.dedup.decisions import Decisions
from data_prep.dedup.runs import begins_run
from data_prep.dedup.verdicts import KEEP, REASONS


def clusters(decisions: Decisions, limit: int = 1000, members: int = 20) -> Iterator[dict[str, Any]]:
    """The largest clusters first, then by the place of the kept document; rows for JSON.

    Each has `piece` and `row` of the kept document, `size` (how many were dropped because of it) and `dropped`, the
    first of them: `piece`, `row`, `reason` and `similarity` (None where it is not known).

    Args:
        limit: clusters, at most.
        members: dropped documents named of each, at most.
    """
    matches = np.sort(decisions.match[decisions.code != KEEP])
    begins = np.flatnonzero(begins_run(matches))
    kept, sizes = matches[begins], np.diff(begins, append=len(matches))
    largest = np.argsort(-sizes, kind="stable")[:limit]
    wanted = {int(kept[place]): [] for place in largest}
    for start in range(0, len(decisions.code), 1 << 20):
        part = slice(start, start + (1 << 20))
        among = (decisions.code[part] != KEEP) & np.isin(decisions.match[part], kept[largest])
        for document in (np.flatnonzero(among) + start).tolist():
            dropped = wanted[int(decisions.match[document])]
            if len(dropped) < members:
                dropped.append(document)
    for place in largest.tolist():
        document = int(kept[place])
        piece, row = decisions.place(document)
        rows = [_row(decisions, dropped) for dropped in wanted[document]]
        yield {"piece": piece, "row": row, "size": int(sizes[place]), "dropped": rows}


def _row(decisions: Decisions, document: int) -> dict[str, Any]:
    piece, row = decisions.place(document)
    similarity = float(decisions.similarity[document])
    return {
        "piece": piece,
        "row": row,
        "reason": REASONS[decisions.code[document]],
        "similarity": None if np.isnan(similarity) else round(similarity, 4),
    }
