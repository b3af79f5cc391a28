"""Models with a head of a task's own as they are exported."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pipeline.context import Context
from train.checkpoints.final_model import described_model
from train.exporting.head import rename
from train.exporting.trained_model import TrainedModel
from train.finetuning.artifact import read_test_rows
from train.models import Body, family


class TrainedWithHead(TrainedModel):
    """A model that judges texts."""

    writes: ClassVar[bool] = False

    @property
    def body(self) -> Body:
        return self.model.backbone

    def texts(self, context: Context, most: int) -> list[str]:
        """The test examples' texts: a folder that is fine-tuned may come without a corpus."""
        return [row["text"] for row in read_test_rows(self.artifact, most)]


class TrainedTokenHead(TrainedWithHead):
    """A model that judges each token, by a matrix that the architecture's class of transformers may call otherwise."""

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        """All of one length: of padding no logits are compared."""
        kept = [ids for ids in texts if ids][:most]
        shortest = min(window, min(map(len, kept)))
        return [ids[:shortest] for ids in kept]

    def finish_weights(self, weights: Path) -> None:
        rename(weights, self.names)

    @property
    def names(self) -> Mapping[str, str] | None:
        """What the class calls its layers, by ours; None where it has none such."""
        section, _ = described_model(self.artifact)
        return family(section).names_in(section, self.auto_class)
