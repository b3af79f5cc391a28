"""Text as its tokens come, in pieces that are final."""

from collections.abc import Sequence

from train.generation.stops import Decode, Stops

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""How a character decodes of which some bytes are missing."""


class TextStream:
    """Turns the tokens that continue a prompt into text. Its pieces add up to what `generate` gives.

    A character may take several tokens, and a text that ends the continuation, too: what may still become one of both
    is held back. Only a few tokens are decoded at each step, however long the text is.
    """

    def __init__(self, decode: Decode, prompt: Sequence[int], stops: Stops):
        self._decode, self._stops = decode, stops
        self._ids = list(prompt)
        self._start, self._read = 0, len(self._ids)
        """The tokens from the one to the other are those that the next are decoded with: a word decodes alone
        without the space before it in some tokenizers."""
        self._held = ""
        self.ended = False
        """Whether a stop has come; what follows is left out."""

    def push(self, token: int) -> str:
        """The text that is certain with this token; often empty."""
        if self.ended or token in self._stops.ids:
            self.ended = True
            return ""
        self._ids.append(token)
        piece = self._piece()
        if not piece or piece.endswith(UNFINISHED):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return self._until_stop(piece)

    def finish(self) -> str:
        """What is held back, when there are no more tokens."""
        held = self._until_stop(self._piece()) + self._held
        self._held, self._read = "", len(self._ids)
        return held

    def _piece(self) -> str:
        before, whole = (
            self._decode(self._ids[self._start : self._read]),
            self._decode(self._ids[self._start :]),
        )
        return whole[len(before) :] if whole.startswith(before) else self._decode(self._ids[self._read :])

    def _until_stop(self, piece: str) -> str:
        text = self._held + piece
        cut = self._stops.cut_text(text)
        if len(cut) < len(text):
            self.ended, self._held = True, ""
            return cut
        certain = len(text) - self._stops.held_back(text)
        self._held = text[certain:]
        return text[:certain]
