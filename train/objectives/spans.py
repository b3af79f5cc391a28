"""Windows of text from which spans are missing, as sources and targets of one length each."""

import numpy as np
import torch

from pipeline.config.objectives.span_corruption import SpanLengths
from train.data.batches import PADDING, Batch, Tokens, windows_over
from train.data.sequences import check_sequences
from train.models import IGNORE_INDEX
from train.objectives.draws import generator


class SpanWindows:
    """Consecutive windows of a stream. Which spans are missing follows from the seed and the sample's number."""

    def __init__(self, stream: Tokens, lengths: SpanLengths, sentinels: np.ndarray, seed: int):
        """Args: sentinels: ids of at least as many as there are spans, int64."""
        self._stream, self._lengths, self._seed = stream, lengths, seed
        self._sentinels = sentinels[: lengths.spans]
        self._count = len(stream) // lengths.window
        check_sequences(stream.name, len(stream), self._count, lengths.window)

    def __len__(self) -> int:
        return self._count

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.full(len(indices), self._lengths.target)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids, the sources, int64 [B, S]; labels, the targets, int64 [B, T]."""
        size = self._lengths.window
        text = self._stream.read_rows(np.maximum(indices, 0) * size, size)
        kept, missing = self._draw(samples)
        # Pieces of text and missing ones take turns; a text begins with a piece that is there.
        pieces = np.stack([kept, missing], -1).reshape(len(indices), -1)
        is_missing = np.repeat(np.tile([False, True], pieces.size // 2), pieces.ravel()).reshape(text.shape)
        source = self._joined(text[~is_missing], kept, sentinel_first=False)
        target = self._joined(text[is_missing], missing, sentinel_first=True)
        target[indices == PADDING] = IGNORE_INDEX
        return {"input_ids": torch.from_numpy(source), "labels": torch.from_numpy(target)}

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        size = self._lengths.window
        return windows_over(start, stop, size, size, self._count)

    def _draw(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of the pieces that are there and of those that are missing, int64 [B, spans] each.

        All ways to cut so many tokens into so many pieces are equally likely.
        """
        spans, missing = self._lengths.spans, self._lengths.missing
        there = self._lengths.window - missing
        cuts = np.empty((2, len(samples), spans - 1), np.int64)
        for row, sample in enumerate(samples):
            random = generator(self._seed, int(sample))
            for kind, tokens in enumerate((there, missing)):
                cuts[kind, row] = random.permutation(tokens - 1)[: spans - 1]
        cuts.sort(-1)
        first, second = (
            np.diff(places + 1, axis=-1, prepend=0, append=tokens)
            for places, tokens in zip(cuts, (there, missing), strict=True)
        )
        return first, second

    def _joined(self, tokens: np.ndarray, pieces: np.ndarray, sentinel_first: bool) -> np.ndarray:
        """Rows of pieces with a sentinel before or behind each, and eos at their end.

        Args:
            tokens: of all pieces of all rows, one after the other.
            pieces: their lengths [B, spans].
        """
        rows, spans = pieces.shape
        width = len(tokens) // rows + spans + 1
        found = np.full((rows, width), self._stream.eos_id, np.int64)
        ends = pieces.cumsum(-1) + np.arange(spans)
        is_text = np.ones((rows, width), bool)
        is_text[:, -1] = False
        places = ends - pieces if sentinel_first else ends
        np.put_along_axis(found, places, np.broadcast_to(self._sentinels, places.shape), -1)
        np.put_along_axis(is_text, places, False, -1)
        found[is_text] = tokens
        return found
