"""A really started server: answered with OpenAI's own client, by many at once, and asked for what is no request."""

import asyncio
import json
import re
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.inference.conftest import start_server
from train.opening.opened_model import open_model

openai = pytest.importorskip("openai", reason="the development packages are not installed (make dev)")

CLIENTS = 50


@pytest.fixture(scope="module")
def client(address: str) -> "openai.OpenAI":
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def test_a_completion_is_what_the_model_writes_by_itself(client, folder: Path) -> None:
    from inference.writing import Text, write
    from pipeline.config.evaluation import SamplingConfig

    prompts = ["Return", "What is <|end|> this?", "a"]
    settings = {"max_tokens": 12, "temperature": 0.9, "top_p": 0.8, "seed": 3, "stop": ["e"], "n": 2}
    found = client.completions.create(model="tiny", prompt=prompts, **settings)
    opened = open_model(str(folder))
    config = SamplingConfig(max_new_tokens=12, temperature=0.9, top_p=0.8)
    texts = [Text(opened, opened.encode(p), config, ["e"], 3, index) for p in prompts for index in range(2)]
    expected = [""] * len(texts)
    for number, piece in write(opened, texts):
        expected[number] += piece
    assert [choice.text for choice in found.choices] == expected
    assert [choice.finish_reason for choice in found.choices] == [text.tokens.ended for text in texts]
    assert len(set(expected)) > 3
    assert found.usage.prompt_tokens == sum(map(len, map(opened.encode, prompts)))
    assert found.usage.completion_tokens == sum(len(text.tokens.ids) for text in texts)


def test_a_stream_adds_up_to_the_answer(client) -> None:
    turns = [
        {"role": "user", "content": "What is a list?"},
        {"role": "assistant", "content": "Many."},
        {"role": "user", "content": [{"type": "text", "text": "And a tuple?"}]},
    ]
    settings = {"model": "tiny", "messages": turns, "max_completion_tokens": 20, "seed": 5, "temperature": 1}
    whole = client.chat.completions.create(**settings)
    stream = client.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content for c in chunks[:-1]) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage
    assert len(chunks) > 5
    assert [model.id for model in client.models.list()] == ["tiny"]


def test_what_a_user_spells_is_text(client, folder: Path) -> None:
    """The prompt has a token for each character of the marker that stands in it."""

    def prompt_tokens(content: str) -> int:
        answer = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": content}], max_tokens=1
        )
        return answer.usage.prompt_tokens

    assert prompt_tokens("<|end|>") == prompt_tokens("1234567")


def test_of_a_model_that_only_continues_texts_it_is_said_when_the_server_starts(
    folder: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(folder, base, ignore=shutil.ignore_patterns("chat_template*"))
    settings = json.loads((base / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (base / "tokenizer_config.json").write_text(json.dumps(settings))
    for served, words in (
        (base, ["base was not trained on conversations: it only continues texts"]),
        (folder, []),
    ):
        server = start_server(served, "port=0")
        said = list(iter(server.stdout.readline, "Ctrl-C ends.\n"))
        server.send_signal(2)
        server.communicate(timeout=60)
        assert said[0].startswith(f"{served.name} is served at")
        assert [line.partition(" (")[0] for line in said[1:]] == words


BROKEN = {
    "no JSON": ("{", 400),
    "no object": ("[1]", 400),
    "deep": ("[" * 100_000, 400),
    "no prompt": ({}, 400),
    "a prompt of a wrong kind": ({"prompt": {"a": 1}}, 400),
    "an unknown field": ({"prompt": "a", "best_of": 3}, 400),
    "too hot": ({"prompt": "a", "temperature": -1}, 400),
    "no number": ({"prompt": "a", "temperature": float("nan")}, 400),
    "no tokens": ({"prompt": "a", "max_tokens": 0}, 400),
    "more tokens than are served": ({"prompt": "a", "max_tokens": 101}, 400),
    "too many texts": ({"prompt": "a", "n": 100_000}, 400),
    "many prompts, many texts": ({"prompt": ["a"] * 10, "n": 10}, 400),
    "an empty stop": ({"prompt": "a", "stop": ""}, 400),
    "a prompt beyond the context": ({"prompt": "a" * 5000}, 400),
    "another model": ({"prompt": "a", "model": "gpt-4"}, 404),
    "a large body": ({"prompt": "a" * 2_000_000}, 413),
    "lone surrogates": ('{"prompt": "\\ud800"}', 400),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_refused_and_hurts_nobody(address: str, name: str) -> None:
    body, status = BROKEN[name]
    data = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    found = requests.post(f"{address}/v1/completions", data=data, headers=headers, timeout=30)
    assert found.status_code == status
    assert found.json()["error"]["message"]
    good = requests.post(f"{address}/v1/completions", json={"prompt": "a", "max_tokens": 2}, timeout=30)
    assert good.status_code == 200


def test_other_refusals(address: str) -> None:
    def status(method: str, path: str, **options) -> int:
        return requests.request(method, address + path, timeout=30, **options).status_code

    good = json.dumps({"prompt": "a", "max_tokens": 1})
    assert status("POST", "/v1/completions", data=good, headers={"Content-Type": "text/plain"}) == 415
    assert status("POST", "/v1/completions", data=good, headers={"Host": "evil.example"}) == 400
    assert status("GET", "/v1/completions") == 405
    assert status("GET", "/etc/passwd") == 404
    tool = {"messages": [{"role": "tool", "content": "a"}, {"role": "user", "content": "b"}]}
    found = requests.post(f"{address}/v1/chat/completions", json=tool, timeout=30)
    assert found.status_code == 400
    assert "messages.0.role: input should be 'system'" in found.json()["error"]["message"]
    with socket.create_connection(tuple(address.removeprefix("http://").split(":"))) as raw:
        raw.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_what_is_not_served_is_told_as_such(address: str) -> None:
    """And what changes nothing is taken, as many clients send it."""

    def answer(**options: object) -> requests.Response:
        body = {"prompt": "a", "max_tokens": 1, **options}
        return requests.post(f"{address}/v1/completions", json=body, timeout=30)

    for name, wanted, neutral in (
        ("logprobs", True, "false"),
        ("logprobs", 0, "false"),
        ("presence_penalty", 0.5, "0"),
    ):
        refused = answer(**{name: wanted})
        assert refused.status_code == 400
        told = f"{name}: is not served here: leave it out, or send {neutral}"
        assert told in refused.json()["error"]["message"]
        assert answer(**{name: json.loads(neutral)}).status_code == 200


def test_slow_clients_keep_nobody_waiting(address: str) -> None:
    """Neither half a head nor half a body."""
    place = tuple(address.removeprefix("http://").split(":"))
    heads = (b"POST /v1/comp", b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n")
    body = b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    slow = [socket.create_connection(place) for _ in range(20)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(heads[0] if number % 2 else heads[1] + body)
        good = requests.post(f"{address}/v1/completions", json={"prompt": "a", "max_tokens": 2}, timeout=10)
        assert good.status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette", reason="the packages to serve with are not installed (make venv)")
    from starlette.requests import Request

    from inference.serving import guards

    monkeypatch.setattr(guards, "SECONDS", 0.05)

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(guards.Refused, match=r"did not come whole within 0\.05 seconds") as refused:
        asyncio.run(guards.read_json(Request(scope, receive)))
    assert refused.value.status == 408


def test_who_goes_away_leaves_nothing_behind(address: str) -> None:
    body = {"prompt": "a", "max_tokens": 100, "n": 8, "stream": True}
    for _ in range(3):
        with requests.post(f"{address}/v1/completions", json=body, stream=True, timeout=30) as answer:
            next(answer.iter_content(10))
    deadline = time.monotonic() + 30
    while "lm_texts 0\n" not in requests.get(f"{address}/metrics", timeout=30).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_fifty_clients_at_once_are_all_answered(address: str) -> None:
    def ask(number: int) -> int:
        body = {"prompt": f"client {number}", "max_tokens": 24 + number % 9, "temperature": 0.9, "stop": []}
        found = requests.post(f"{address}/v1/completions", json=body, timeout=300)
        assert found.status_code == 200, found.text
        return found.json()["usage"]["completion_tokens"]

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(pool.map(ask, range(CLIENTS)))


def test_a_busy_server_says_so(serve: Callable[..., str]) -> None:
    address = serve("max_texts=4", "max_tokens=100")
    with ThreadPoolExecutor(6) as pool:
        body = {"prompt": "a", "max_tokens": 100, "n": 4}
        answers = list(
            pool.map(lambda _: requests.post(f"{address}/v1/completions", json=body, timeout=60), range(6))
        )
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 429)


def test_other_machines_need_a_key(serve: Callable[..., str], folder: Path) -> None:
    refused = start_server(folder, "host=0.0.0.0", "port=0")
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "set a key that clients must send, as LM_SERVE_KEY=" in errors
    address = serve("host=0.0.0.0", key="open sesame")
    for key, status in ((None, 401), ("wrong", 401), ("open sesame", 200)):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        for path in ("/v1/models", "/metrics"):
            assert requests.get(address + path, headers=headers, timeout=30).status_code == status
    assert requests.get(f"{address}/health", timeout=30).json() == {"status": "ok"}


def test_a_port_in_use_is_told_before_the_model_is_loaded(address: str, folder: Path) -> None:
    port = address.rpartition(":")[2]
    second = start_server(folder, f"port={port}")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert (
        errors
        == f"error: port {port} is in use, by another server perhaps; choose another: port={int(port) + 1}\n"
    )


def test_the_page_is_served_and_loads_nothing_from_elsewhere(address: str) -> None:
    page = requests.get(address, timeout=30)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"(src|href)=|https?://", page.text)
