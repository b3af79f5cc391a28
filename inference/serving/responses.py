"""Answers and errors in the form that OpenAI's clients read."""

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from inference.writing import Text


class Shape:
    """How one request's texts are told: of a completion, or of a chat."""

    def __init__(self, model: str, chat: bool):
        self._chat = chat
        self._kind = "chat.completion" if chat else "text_completion"
        self._head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, texts: Sequence[Text], written: Sequence[str]) -> dict[str, Any]:
        """The answer at once."""
        choices = []
        for index, (text, content) in enumerate(zip(texts, written, strict=True)):
            said = {"message": {"role": "assistant", "content": content}} if self._chat else {"text": content}
            choices.append({"index": index, **said, "logprobs": None, "finish_reason": text.tokens.ended})
        return {"object": self._kind, **self._head, "choices": choices, "usage": usage(texts)}

    def chunk(self, index: int, content: str, ended: str | None, first: bool) -> dict[str, Any]:
        """A part of a stream. Args: first: whether it is the first of this text."""
        role = {"role": "assistant"} if first else {}
        said = {"delta": {**role, "content": content}} if self._chat else {"text": content}
        choice = {"index": index, **said, "logprobs": None, "finish_reason": ended}
        return {"object": self._kind + ".chunk" * self._chat, **self._head, "choices": [choice]}

    def last_chunk(self, texts: Sequence[Text]) -> dict[str, Any]:
        """Behind a stream's other parts, what it took."""
        return {
            "object": self._kind + ".chunk" * self._chat,
            **self._head,
            "choices": [],
            "usage": usage(texts),
        }


def usage(texts: Sequence[Text]) -> dict[str, int]:
    """Tokens that were read and written; a prompt that several texts continue counts once."""
    prompts = {id(text.prompt): len(text.tokens.prompt) for text in texts}
    read, written = sum(prompts.values()), sum(len(text.tokens.ids) for text in texts)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def event(data: dict[str, Any] | str) -> str:
    """A server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}\n\n"


def error_body(
    message: str, status: int, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """
    Args:
        param: the field that is at fault.
        code: OpenAI's word for the error, if it has one that clients look at.
    """
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error(message: str, status: int, param: str | None = None, code: str | None = None) -> JSONResponse:
    headers = {"Retry-After": "1"} if status == 429 else None
    return JSONResponse(error_body(message, status, param, code), status, headers)
