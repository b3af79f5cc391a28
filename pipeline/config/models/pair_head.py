"""The setting of models that may judge pairs of texts."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.models.base import ModelConfig


class PairHeadConfig(ModelConfig):
    """Base of models that can have layers which say of two texts whether they belong together as they stand."""

    pair_head: bool = False
    """Layers that judge a pair of texts, which `objective.pairs` trains: those of `BertForPreTraining` (bert), or of
    the class that an architecture of transformers has for pretraining, as BERT and ALBERT have one."""

    @classmethod
    def left_open(cls, fields: Mapping[str, Any]) -> tuple[str, ...]:
        return (*super().left_open(fields), "pair_head")

    @property
    def judges_pairs(self) -> bool:
        return self.pair_head
