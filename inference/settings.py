"""What is said on the command lines of `sample`, `chat` and `serve`: `key=value` words, as everywhere."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipeline.config.base import Section
from pipeline.config.evaluation import SamplingConfig
from pipeline.errors import UserError
from train.opening.opened_model import OpenedModel, open_model

S = TypeVar("S", bound=Section)
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

    def open(self) -> OpenedModel:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # of the loading of weights
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


def read_settings(kind: type[S], words: Sequence[str]) -> S:
    """The settings in `key=value` words; of a key that is said twice the last counts.

    Raises:
        UserError: where a word is no setting, or a key or value is wrong.
    """
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"{word!r} is no setting: write key=value, such as temperature=0.5")
        values[key] = _value(text)
    return read_values(kind, values)


def read_values(kind: type[S], values: Mapping[str, Any]) -> S:
    """The settings with these values.

    Raises:
        UserError: naming all keys and values that are wrong, with what would be right.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_problem(kind, details) for details in error.errors())) from None


def _problem(kind: type[Section], details: ErrorDetails) -> str:
    key = ".".join(map(str, details["loc"]))
    if details["type"] != "extra_forbidden":
        return f"{key}={details['input']}: {details['msg']}"
    near = difflib.get_close_matches(key, kind.model_fields, n=1)
    return f"{key} is no key" + (f"; did you mean {near[0]}?" if near else "; --help lists them")


def _value(text: str) -> Any:
    """As Hydra reads it, for what these sections hold: `null`, lists, and else text that pydantic turns into more."""
    if text in ("null", "None", ""):
        return None
    try:
        return yaml.safe_load(text) if text.startswith("[") else text
    except yaml.YAMLError:
        return text


def _shown(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return "" if default is None else default


def usage(kind: type[Section]) -> str:
    """What `--help` prints."""
    rows = [
        (
            f"{name}={_shown(field)}",
            " ".join((field.description or "").split()),
        )
        for name, field in kind.model_fields.items()
    ]
    width = max(len(setting) for setting, _ in rows)
    return "\n".join([str(kind.__doc__), "", *(f"  {setting:<{width}}  {text}" for setting, text in rows)])
