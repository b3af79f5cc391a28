"""What is said on the command lines of `sample`, `chat` and `serve`: `key=value` words, as everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
)

from pipeline.config.base import Section
from pipeline.config.evaluation import SamplingConfig
from pipeline.errors import UserError
from pipeline.formats.location import find_model

if TYPE_CHECKING:
    from train.opening.opened_model import OpenedModel

C = TypeVar("C", bound=SamplingConfig)


class ModelSettings(Section):
    """Which model is used."""

    model: str | None = None
    """A run's name, NAME/pretrain for the model before fine-tuning, or the folder of an artifact, of a checkpoint or of
    a Hugging Face model; by default the newest run."""
    step: NonNegativeInt | None = None
    """The training checkpoint of this step, and not the finished model."""
    runs: str = "runs"
    """The folder of runs."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where it is computed; `auto` takes a GPU where there is one."""

    def open(self) -> "OpenedModel":
        # First: what is wrong with it is told before torch is loaded, which takes seconds.
        find_model(self.model, self.step, Path(self.runs))
        from train.opening.opened_model import open_model

        devices = {"auto": "auto", "cpu": "cpu", "gpu": "cuda"}
        return open_model(self.model, self.step, Path(self.runs), devices[self.accelerator])


class WritingSettings(ModelSettings, SamplingConfig):
    """How texts are written."""

    stop: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list[str])
    """Texts that end what is written, besides the model's own."""
    seed: NonNegativeInt | None = None
    """Of what is drawn; by default another each time."""

    @property
    def sampling(self) -> SamplingConfig:
        return SamplingConfig(**{name: getattr(self, name) for name in SamplingConfig.model_fields})

    @field_validator("stop", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class SampleSettings(WritingSettings):
    """`sample PROMPT [key=value …]`: what the model makes of a prompt."""

    count: PositiveInt = 1
    """How many texts to write, side by side."""
    raw: bool = False
    """Continue the prompt as it stands, also with a model that was tuned to answer."""


class ChatSettings(WritingSettings):
    """`chat [key=value …]`: a conversation in the terminal."""

    system: str | None = None
    """A system prompt, where the model's template has a place for one."""


def with_temperature(settings: C, temperature: str) -> C:
    """The same settings at another temperature.

    Raises:
        UserError: where it is no number, or negative.
    """
    try:
        kind: type[C] = type(settings)
        return kind.model_validate({**settings.model_dump(), "temperature": temperature})
    except ValidationError:
        raise UserError(f"temperature={temperature} must be a number, 0 or above") from None
