"""A model and servers of it, really started."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.formats.tokenizers import save_tokenizer
from tests.command_line import environment
from tests.warm.process import PipedProcess
from train.finetuning.chat import set_chat_template
from train.models.decoder.hf_config import to_hf_config
from train.products import use_fastest_products

# As in every stage, and from the first test on: else what a test computes would depend on those before it.
use_fastest_products()


@pytest.fixture(scope="session")
def folder(tiny_model, tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that chats, and answers nonsense at length."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = tiny_model(len(tokenizer), context=128)
    twin = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**to_hf_config(model.config, model.vocab_size))
    )
    twin.load_state_dict(model.state_dict(), strict=False)
    twin.save_pretrained(folder)
    set_chat_template(tokenizer)
    save_tokenizer(tokenizer, folder)
    return folder


def start_server(folder: Path, *words: str, key: str | None = None) -> PipedProcess:
    variables = environment() | ({"LM_SERVE_KEY": key} if key else {})
    return PipedProcess(variables, "inference.serve", f"model={folder}", *words)


@pytest.fixture(scope="session")
def serve(folder: Path) -> Iterator[Callable[..., str]]:
    """`serve("max_texts=2", key="…")` starts a server at a free port, and gives its address."""
    pytest.importorskip("uvicorn", reason="the packages to serve with are not installed (make venv)")
    started: list[PipedProcess] = []

    def run(*words: str, key: str | None = None) -> str:
        server = start_server(folder, "port=0", *words, key=key)
        started.append(server)
        line = server.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line + server.stderr.read()
        return found[0].replace("0.0.0.0", "127.0.0.1")

    yield run
    for server in started:
        server.send_signal(2)
    for server in started:
        _, errors = server.communicate(timeout=60)
        assert server.returncode == 0, errors
        assert "Traceback" not in errors


@pytest.fixture(scope="session")
def address(serve: Callable[..., str]) -> str:
    return serve("max_tokens=100")
