"""What clients may ask for: the parts of OpenAI's interface that are served. Whatever else is asked for is refused."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from inference.conversation import Turn
from pipeline.config.evaluation import SamplingConfig

MOST_TEXTS = 16
"""Of one request."""
Stop = Annotated[str, Field(min_length=1, max_length=128)]


class Request(BaseModel):
    """What both kinds of request have in common; the defaults are OpenAI's."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_TEXTS)] | None = None
    stop: Annotated[list[Stop], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**64)] | None = None
    stream: bool | None = None
    stream_options: dict[Literal["include_usage"], bool] | None = None
    user: str | None = None
    # What many clients send with a value that changes nothing; any other is refused.
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | int | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("frequency_penalty", "presence_penalty", "logprobs")
    @classmethod
    def _without_effect(cls, value: float | None, info: ValidationInfo) -> float | None:
        neutral = False if info.field_name == "logprobs" else 0
        # Of the older interface logprobs=0 asks for the chosen tokens' own.
        if value is None or (value == neutral and isinstance(value, bool) == isinstance(neutral, bool)):
            return value
        raise ValueError(f"is not served here: leave it out, or send {json.dumps(neutral)}")

    @property
    def new_tokens(self) -> int | None:
        return self.max_tokens

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with how many tokens it took."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))

    def sampling(self, most: int) -> SamplingConfig:
        """How texts are drawn.

        Args:
            most: new tokens that a text may have; a request that does not say how many gets so many.
        """
        given = {name: getattr(self, name) for name in ("top_k", "min_p", "repetition_penalty")}
        return SamplingConfig(
            max_new_tokens=self.new_tokens or most,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=self.top_p or 1.0,
            **{name: value for name, value in given.items() if value is not None},
        )


class CompletionRequest(Request):
    """Of /v1/completions."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]

    @property
    def prompts(self) -> list[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


class Part(BaseModel):
    """Of a message's content: text only."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A turn."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: str | None = None

    @property
    def turn(self) -> Turn:
        parts = self.content if isinstance(self.content, list) else [Part(type="text", text=self.content)]
        role = "system" if self.role == "developer" else self.role
        return {"role": role, "content": "\n".join(part.text for part in parts)}


class ChatRequest(Request):
    """Of /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    @property
    def new_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens
