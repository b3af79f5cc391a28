"""Fixtures that all tests share."""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.tracking.tracker import Tracker

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

    from train.models import LanguageModel

pytest_plugins = ["tests.command_line"]

# A suite that was started in the background inherits that Ctrl-C is ignored; the programs it tests shall not.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
# The experiments find the real data where the tests look for it.
os.environ.setdefault("LM_DATA", str(ROOT.parent / "shared/data"))

LONG = ("e2e", "extension", "cluster")
"""Folders of the longest tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that all of several processes have work until the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadFileScheduling":
    """A process takes whole files; one takes all that need the cluster, of which a machine can have one."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/cluster" if nodeid.startswith("tests/cluster/") else super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A folder or file of the real data beside the checkout; skips the test where it is absent."""
    root = Path(os.environ["LM_DATA"])

    def locate(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"the shared data {name!r} is not at {root} (set LM_DATA)")
        return root / name

    return locate


@pytest.fixture(scope="session")
def make_context() -> Callable[..., Context]:
    """A stage's context in a folder, its inputs by name, tracked in the folder only."""

    def make(folder: Path, **inputs: Path) -> Context:
        folder.mkdir(parents=True, exist_ok=True)
        run = RunConfig(progress=False, artifacts=str(folder.parent / "artifacts"))
        return Context(folder, inputs, Tracker(folder), logging.getLogger("test"), run)

    return make


# Heavy imports stay inside: most tests need neither torch nor transformers.


@pytest.fixture(scope="session")
def tokenizer() -> "PreTrainedTokenizerFast":
    """One token per byte, and five special ones: 261 in all."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate([*special, *alphabet])}
    backend = Tokenizer(models.BPE(vocab, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=special[0], pad_token=special[1])
    made.add_special_tokens({"additional_special_tokens": special[2:]})
    return made


@pytest.fixture(scope="session")
def tiny_model() -> "Callable[..., LanguageModel]":
    """A decoder with random weights, large enough that no two logits are close.

    Untied, because a tied one with such weights says the same token for ever.
    """
    import torch

    from pipeline.config.models.decoder import DecoderConfig
    from train.models import build_model

    def make(vocab_size: int = 261, seed: int = 0, **settings) -> "LanguageModel":
        torch.manual_seed(seed)
        defaults = {"layers": 2, "hidden": 32, "heads": 4, "mlp": 64, "context": 64}
        defaults |= {"init_std": 0.3, "tie_embeddings": False}
        return build_model(DecoderConfig(**(defaults | settings)), vocab_size).eval()

    return make
