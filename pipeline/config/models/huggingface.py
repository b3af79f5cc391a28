"""A model of transformers."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from pipeline.config.base import Content
from pipeline.config.models.base import READINGS
from pipeline.config.models.pair_head import PairHeadConfig
from pipeline.formats.architectures import Reading, reading_of
from pipeline.formats.model_folder import model_files, read_object


class HuggingFaceConfig(PairHeadConfig):
    """Any `transformers` architecture that reads text, from a config (random weights) or a checkpoint folder."""

    implementation: ClassVar[str] = "train.models.hf.family"
    gives_hidden_states: ClassVar[bool] = True
    readings: ClassVar[tuple[Reading, ...]] = tuple(READINGS)
    regularizes: ClassVar[bool] = True

    family: Literal["hf"] = "hf"
    path: Annotated[str | None, Content(model_files, or_name=True)] = None
    """A folder (or hub name) with `config.json` and weights; None starts from `config`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Fields of the architecture's config, among them `model_type`; used where `path` is None. A mixture of experts
    trains its load-balancing loss where `router_aux_loss_coef` or `output_router_logits` is set."""
    context: PositiveInt = 256
    """Longest sequence the model is trained on and reads, in tokens."""

    reads: Reading | None = None
    """How the model reads, which decides on its class of transformers and on what it can learn: `left_to_right`
    (a causal language model), `bidirectional` (a masked one) or `encoder_decoder`. None goes by config.json; of a model
    that only its hub name is known of, it means `left_to_right`."""

    @property
    def reading(self) -> Reading:
        if self.reads is not None:
            return self.reads
        return reading_of(self.config if self.path is None else read_object(Path(self.path) / "config.json"))

    @property
    def pretrained_path(self) -> str | None:
        """The folder or hub name of weights that training starts from; None for random ones."""
        return self.path

    def problems(self) -> list[str]:
        if self.path is None and "model_type" not in self.config:
            return ["model.family=hf needs model.path, or model.config with a model_type"]
        if self.pair_head and self.reading != "bidirectional":
            return ["pair_head=true is of models that read both sides of a token; leave it out"]
        return []
