"""What stands in a corpus twice: keys of documents, written in parallel over pieces, and decisions over all of them.

    with KeyWriter(folder, piece, config) as keys:      # in each process, for its pieces
        keys.add(id, text, held_out)                    # in the piece's order
    decisions = decide(Keys(folder, pieces), config, result)    # in one process
    decisions.piece(number).reasons                     # in each process again

Nothing here depends on how the pieces were spread over processes, nor on Python's seed for hashes.
"""

from data_prep.dedup.clusters import clusters
from data_prep.dedup.cutting import cut
from data_prep.dedup.decisions import Decisions, PieceDecisions, decide
from data_prep.dedup.keys import Keys, KeyWriter
from data_prep.dedup.units import units

__all__ = ["Decisions", "KeyWriter", "Keys", "PieceDecisions", "clusters", "cut", "decide", "units"]
