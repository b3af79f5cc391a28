"""What a notebook needs: runs, what they made, their token shards, and models that write and score texts.

import pipeline  # first: it tells Python where the other packages of an installation are
from inference.notebook import Model, Run

run = Run("demo")
model = run.model()
model.generate("Return the ", seed=1)
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.language_model.perplexity import stream_losses
from inference.conversation import Turn
from inference.settings import WritingSettings
from inference.writing import Text, write
from pipeline.config.command_words import read_values
from pipeline.config.typed_text import refuse_what_is_not_utf8
from pipeline.errors import UserError
from pipeline.formats.shards import TokenStream
from pipeline.store.artifacts import MANIFEST, read_json
from pipeline.store.manifest import StageMetrics
from train.models import LanguageModel
from train.opening.opened_model import OpenedModel, open_model

BATCH = 8
"""Windows of text that are scored at a time."""


@dataclass(frozen=True)
class Score:
    """How well a model predicts a text, its end included."""

    nats: float
    """The sum of its tokens' cross-entropies."""
    tokens: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """Per token."""
        return math.exp(self.nats / self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """What compares models with different tokenizers."""
        return self.nats / math.log(2) / max(1, self.bytes)


class Model:
    """A trained model."""

    def __init__(
        self, name: str | None = None, step: int | None = None, runs: str = "runs", device: str = "auto"
    ):
        """
        Args:
            name: a run, an artifact, a checkpoint or a folder: see `pipeline.formats.location.find_model`.
            step: a training checkpoint's.

        Raises:
            UserError: where there is no such model.
        """
        self.opened: OpenedModel = open_model(name, step, Path(runs), device)

    def generate(self, prompt: str | Sequence[Turn], **settings: Any) -> str:
        """What the model makes of a text to be continued, or of the turns of a conversation.

        Args:
            settings: `temperature`, `max_new_tokens`, `seed`, `stop`, …, as `lmw sample --help` lists them.

        Raises:
            UserError: where a setting is wrong, the prompt is too long, or the model knows no turns.
        """
        return "".join(self.stream(prompt, **settings))

    def stream(self, prompt: str | Sequence[Turn], **settings: Any) -> Iterator[str]:
        """The same, piece by piece as it is written."""
        chosen = read_values(WritingSettings, settings)
        refuse_what_is_not_utf8(prompt if isinstance(prompt, str) else list(prompt), "the prompt")
        ids = (
            self.opened.encode(prompt)
            if isinstance(prompt, str)
            else self.opened.chat.conversation_ids(prompt)
        )
        text = Text(self.opened, ids, chosen.sampling, chosen.stop, chosen.seed)
        for _, piece in write(self.opened, [text]):
            yield piece

    def score(self, text: str) -> Score:
        """How well the model predicts a text of any length, each token from at least half of the context before it.

        Raises:
            UserError: where the model does not read from left to right.
        """
        model = self.opened.model
        if not isinstance(model, LanguageModel):
            raise UserError(
                f"{self.opened.name} predicts no text from left to right, so it gives none a score; name another model"
            )
        refuse_what_is_not_utf8(text, "the text")
        eos = self.opened.tokenizer.eos_token_id
        ids = np.array([*self.opened.encode(text), eos])
        losses = stream_losses(model, ids, eos, model.context, max(1, model.context // 2), BATCH)
        return Score(sum(float(part.sum()) for _, part in losses), len(ids), len(text.encode()))


class Run:
    """A run: its artifacts by stage."""

    def __init__(self, name: str, runs: str = "runs"):
        """Raises: UserError: where there is no such run."""
        self.name, self._runs = name, runs
        self.folder = Path(runs) / name
        if not self.folder.is_dir():
            raise UserError(
                f"there is no run {name!r} in {Path(runs).resolve()}; say where its folder is: Run({name!r}, runs=…)"
            )

    def artifact(self, stage: str) -> Path:
        """The folder of what a stage made.

        Raises:
            UserError: where it has not been built.
        """
        folder = self.folder / stage
        if not (folder / MANIFEST).is_file():
            made = ", ".join(sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))) or "none"
            raise UserError(f"the run {self.name} has no artifact of the stage {stage} (there are: {made})")
        return folder.resolve()

    def metrics(self, stage: str) -> StageMetrics:
        """The stage's figures."""
        folder = self.artifact(stage)
        return read_json(folder / MANIFEST, folder, ("metrics",))["metrics"]

    def tokens(self, split: str = "train", part: str | None = None) -> TokenStream:
        """The token ids of a split, or of one part of a mixture: `len(tokens)`, `tokens.read(start, length)`."""
        return TokenStream(self.artifact("shards"), split, part)

    def model(self, step: int | None = None) -> Model:
        """The run's model, or that of a training checkpoint."""
        return Model(self.name, step, self._runs)
