"""The routes of the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request as HTTPRequest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from inference.serving.engine import Busy, Engine, Failed, Piece
from inference.serving.guards import Refused, check_key, read_json
from inference.serving.metrics import Metrics
from inference.serving.requests import MOST_TEXTS, ChatRequest, CompletionRequest, Request
from inference.serving.responses import Shape, error, error_body, event
from inference.writing import Text, TooLong
from pipeline.errors import UserError
from pipeline.text.validation import objection
from train.opening.opened_model import OpenedModel

PAGE = Path(__file__).with_name("chat.html")
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
LISTENING = 0.5
"""Seconds between two looks whether who asked is still there."""

MOST_PROBLEMS = 8
"""That an error lists."""

R = TypeVar("R", bound=Request)
Handler = Callable[[HTTPRequest], Awaitable[Response]]


class Server:
    """Answers requests with one model."""

    def __init__(self, opened: OpenedModel, name: str, *, most_texts: int, most_tokens: int, key: str | None):
        """
        Args:
            name: of the model, to clients.
            most_texts: that are under way or waiting at a time.
            most_tokens: that a text may have.
            key: that clients must send, if any.
        """
        self._opened, self._name, self._key = opened, name, key
        self._most_tokens = most_tokens
        self._engine = Engine(opened, most_texts)
        self._metrics = Metrics()

    def app(self) -> Starlette:
        """Without a key it answers to the names of this machine alone, so that no page of others reaches it by a name
        that leads here."""
        hosts = ["*"] if self._key else ["localhost", "127.0.0.1"]
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/health", self._health),
                Route("/metrics", self._guarded(self._show_metrics)),
                Route("/v1/models", self._guarded(self._models)),
                Route("/v1/completions", self._guarded(self._complete), methods=["POST"]),
                Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        )

    def stop(self) -> None:
        self._engine.stop()

    def _guarded(self, handler: Handler) -> Handler:
        """The handler for who has the key; what it refuses becomes an error that clients read."""

        async def handle(request: HTTPRequest) -> Response:
            try:
                check_key(request.headers, self._key)
                response = await handler(request)
            except Refused as refused:
                response = error(str(refused), refused.status, refused.param)
            except TooLong as mistake:
                response = error(str(mistake), 400, code="context_length_exceeded")
            except UserError as mistake:
                response = error(str(mistake), 400)
            except Failed as failure:
                response = error(str(failure), 500)
            except Busy:
                response = error("the server is busy; try again in a moment", 429)
            self._metrics.count(request.url.path, response.status_code)
            return response

        return handle

    async def _page(self, request: HTTPRequest) -> Response:
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        )
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": policy})

    async def _health(self, request: HTTPRequest) -> Response:
        alive = self._engine.is_alive
        return JSONResponse({"status": "ok" if alive else "failed"}, 200 if alive else 503)

    async def _show_metrics(self, request: HTTPRequest) -> Response:
        return PlainTextResponse(self._metrics.text(self._engine.tokens, self._engine.texts))

    async def _models(self, request: HTTPRequest) -> Response:
        model = {
            "id": self._name,
            "object": "model",
            "created": self._metrics.started,
            "owned_by": "lm-workflow",
            "max_model_len": self._opened.model.context,  # as vLLM calls it
            "max_tokens": self._most_tokens,
        }
        return JSONResponse({"object": "list", "data": [model]})

    async def _complete(self, request: HTTPRequest) -> Response:
        asked = _parse(CompletionRequest, await read_json(request))
        texts = await run_in_threadpool(
            lambda: self._texts(asked, [self._opened.encode(prompt) for prompt in asked.prompts])
        )
        return await self._respond(request, asked, texts, Shape(self._name, chat=False))

    async def _chat(self, request: HTTPRequest) -> Response:
        asked = _parse(ChatRequest, await read_json(request))
        turns = [message.turn for message in asked.messages]
        texts = await run_in_threadpool(
            lambda: self._texts(asked, [self._opened.chat.conversation_ids(turns)], chat=True)
        )
        return await self._respond(request, asked, texts, Shape(self._name, chat=True))

    def _texts(self, asked: Request, prompts: Sequence[list[int]], chat: bool = False) -> list[Text]:
        if asked.model not in (None, self._name):
            raise Refused(f"the model {asked.model!r} is not served here, but {self._name!r}", 404, "model")
        count = asked.n or 1
        if len(prompts) * count > MOST_TEXTS:
            raise Refused(f"n × prompts is more than {MOST_TEXTS}", 400, "n")
        if (asked.new_tokens or 0) > self._most_tokens:
            told = f"max_tokens={asked.new_tokens} is not served here: a text has {self._most_tokens:,} tokens at most"
            raise Refused(told, 400, "max_tokens")
        config = asked.sampling(self._most_tokens)
        return [
            Text(self._opened, ids, config, asked.stop or (), asked.seed, index)
            for ids in prompts
            for index in range(count)
        ]

    async def _respond(
        self, request: HTTPRequest, asked: Request, texts: list[Text], shape: Shape
    ) -> Response:
        pieces = self._engine.write(texts)
        if asked.stream:
            events = _events(pieces, texts, shape, asked.wants_usage)
            return StreamingResponse(events, 200, HEADERS, "text/event-stream")
        written = [""] * len(texts)

        async def collect() -> None:
            async with aclosing(pieces):
                async for piece in pieces:
                    written[piece.number] += piece.text

        work = asyncio.create_task(collect())
        while not (await asyncio.wait([work], timeout=LISTENING))[0]:
            if await request.is_disconnected():
                work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            return Response(status_code=499)  # nobody reads it
        return JSONResponse(shape.whole(texts, written))


async def _events(
    pieces: AsyncIterator[Piece], texts: Sequence[Text], shape: Shape, wants_usage: bool
) -> AsyncIterator[str]:
    """A stream of server-sent events. It is closed where the client goes away, and the texts are dropped."""
    begun: set[int] = set()
    try:
        async for number, text, ended in pieces:
            yield event(shape.chunk(number, text, ended, number not in begun))
            begun.add(number)
        if wants_usage:
            yield event(shape.last_chunk(texts))
        yield event("[DONE]")
    except Failed as failure:
        yield event(error_body(str(failure), 500))


def _parse(kind: type[R], values: dict[str, Any]) -> R:
    """Raises: Refused: naming every field that is wrong or not served."""
    try:
        return kind.model_validate(values)
    except ValidationError as mistake:
        details = mistake.errors()
        told = [f"{'.'.join(map(str, e['loc']))}: {_problem(e)}" for e in details[:MOST_PROBLEMS]]
        raise Refused("; ".join(told), 400, str(details[0]["loc"][0])) from None


def _problem(details: ErrorDetails) -> str:
    return "is not served here" if details["type"] == "extra_forbidden" else objection(details["msg"])
