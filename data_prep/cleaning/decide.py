"""The phase of cleaning that sees all candidates at once: what of them stands in the corpus already, what is held out,
and where canaries are planted."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from data_prep.cleaning.candidates import candidate_path, reading_candidates
from data_prep.cleaning.hold_out import hold_out
from data_prep.cleaning.planting import plan_planting
from data_prep.dedup.clusters import clusters
from data_prep.dedup.decisions import Decisions, decide
from data_prep.dedup.keys import Keys
from data_prep.dedup.verdicts import KEEP
from data_prep.reading.pieces import Piece
from pipeline.config.clean import CleanConfig
from pipeline.context import Context
from pipeline.store.markers import is_done, read_marker, write_marker
from pipeline.text.counts import counted

KEYS, DECISIONS, LIMITS = "keys", "decisions", "limits.json"
MORE_HELD_OUT, PLANTING = "held_out.json", "planting.json"
"""In the scratch folder. The limits: how many documents each piece may still keep, where `max_documents` asks."""
CLUSTERS_FILE = "clusters.jsonl"
_BEGINNING = 120


def pieces_in_use(pieces: Sequence[Piece], config: CleanConfig, context: Context) -> list[Piece]:
    """The pieces that are needed for `max_documents`, from the first; all of them without it."""
    used: list[Piece] = []
    found = 0
    for piece in pieces:
        if config.max_documents is not None and found >= config.max_documents:
            break
        used.append(piece)
        found += read_marker(context.marker("extract", piece.number))["trainable"]
    return used


def decide_pieces(pieces: Sequence[Piece], config: CleanConfig, context: Context, guarded: bool) -> None:
    """Write the decisions on the candidates of all pieces, and `clusters.jsonl` for people to look at.

    Args:
        guarded: as for `hold_out`.
    """
    if is_done(context.scratch / LIMITS):
        return
    keys = Keys(context.scratch / KEYS, len(pieces))
    context.log.info("comparing %s", counted(keys.documents, "document"))
    decisions = decide(keys, config.deduplicate, context.scratch / DECISIONS)
    _write_clusters(decisions, pieces, context)
    limits = _limits(decisions, pieces, config.max_documents)
    candidates = context.scratch / "extract"
    held_out = hold_out(pieces, decisions, limits, config, candidates, guarded)
    held_out.save(context.scratch / MORE_HELD_OUT)
    for line in held_out.describe():
        context.log.info("%s", line)
    planting = plan_planting(pieces, decisions, limits, held_out, config.canaries, candidates)
    planting.save(context.scratch / PLANTING)
    made = [context.folder / CLUSTERS_FILE, *(context.scratch / name for name in (MORE_HELD_OUT, PLANTING))]
    write_marker(context.scratch / LIMITS, limits, [*made, *(context.scratch / DECISIONS).iterdir()])


def _limits(decisions: Decisions, pieces: Sequence[Piece], most: int | None) -> list[int | None]:
    limits: list[int | None] = []
    for piece, start, end in zip(pieces, decisions.starts, decisions.starts[1:], strict=False):
        limits.append(None if piece.is_held_out else most)
        if most is not None and not piece.is_held_out:
            most = max(0, most - int((np.asarray(decisions.code[start:end]) == KEEP).sum()))
    return limits


def _write_clusters(decisions: Decisions, pieces: Sequence[Piece], context: Context) -> None:
    found = list(clusters(decisions))
    if not found:
        return
    places = (member.place for cluster in found for member in (cluster, *cluster.dropped))
    faces = _faces(places, pieces, context)
    with (context.folder / CLUSTERS_FILE).open("w", encoding="utf-8") as file:
        for cluster in found:
            dropped = [
                {**faces[each.place], "reason": each.reason, "similarity": each.similarity}
                for each in cluster.dropped
            ]
            row = {"kept": faces[cluster.place], "size": cluster.size, "dropped": dropped}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _faces(
    places: Iterable[tuple[int, int]], pieces: Sequence[Piece], context: Context
) -> dict[tuple[int, int], dict[str, str]]:
    """Id, title and beginning of some documents, by piece and row."""
    wanted: dict[int, set[int]] = defaultdict(set)
    for piece, row in places:
        wanted[piece].add(row)
    faces: dict[tuple[int, int], dict[str, str]] = {}
    for piece, rows in wanted.items():
        path = candidate_path(context.scratch / "extract", pieces[piece].number)
        with reading_candidates(path) as file:
            number = 0
            for batch in file.iter_batches(256, columns=["id", "title", "text"]):
                for place in sorted(rows & set(range(number, number + batch.num_rows))):
                    row = batch.slice(place - number, 1).to_pylist()[0]
                    beginning = " ".join(row["text"][: 2 * _BEGINNING].split())[:_BEGINNING]
                    faces[piece, place] = {"id": row["id"], "title": row["title"], "beginning": beginning}
                number += batch.num_rows
    return faces
