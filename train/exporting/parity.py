"""Whether an exported folder, read by transformers alone, computes what our model computes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import UserError
from train.exporting.trained_model import TrainedModel
from train.generation.stops import decoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SCRIPT = Path(__file__).with_name("reload_export.py")
"""Run by its path, never imported: it shuts this project's packages out."""
WINDOW = 256
"""Tokens per row that is compared; the model's context where that is shorter."""
MOST_ROWS = 8
MOST_LOGITS = 2**26
"""Logits compared at once: 256 MiB in fp32."""
TEXTS, CHARACTERS = 32, 4000
PROMPT, NEW_TOKENS = 32, 16


@dataclass(frozen=True)
class Probe:
    """What both sides are asked."""

    auto_class: str
    rows: list[list[int]]
    """Token ids, each row at most as long as the model reads."""
    inputs: dict[str, list[list[int]]]
    """The rows as a class of transformers takes them: its arguments by name, padded to one length each."""
    texts: list[str]
    question: str | None
    """A user's turn, where the tokenizer has a chat template."""
    prompt: list[int]
    """To be continued greedily; empty where the model writes no text."""
    new_tokens: int
    threads: int
    output: str = "logits"
    """What the class calls the numbers that are compared."""


@dataclass(frozen=True)
class Parity:
    """How far two models agree."""

    logit_difference: float
    """Largest absolute difference."""
    tokens: int
    """Tokens read for it."""
    loaded_class: str


Reply = TypedDict(
    "Reply",
    {
        "class": str,
        "loading_problems": dict[str, list[str]],
        "token_ids": list[list[int]],
        "chat_ids": list[int] | None,
        "continuation": list[int],
    },
)
"""What `reload_export.py` answers."""


def make_probe(trained: TrainedModel, texts: list[str]) -> Probe:
    """Real texts as rows for the model.

    Raises:
        UserError: where there is no text.
    """
    texts = [text[:CHARACTERS] for text in texts[:TEXTS] if text.strip()]
    if not texts:
        raise UserError(
            "there is no text to compare the exported model on; give the corpus a validation split"
        )
    encoded = trained.tokenizer(texts, add_special_tokens=False, verbose=False).input_ids
    question = texts[0][:200] if trained.tokenizer.chat_template else None
    context = trained.model.context
    rows = trained.rows(encoded, min(context, WINDOW), MOST_ROWS, MOST_LOGITS)
    prompt = rows[0][: min(PROMPT, max(1, len(rows[0]) // 2))] if trained.writes else []
    new_tokens = min(NEW_TOKENS, trained.model.room_after(len(prompt))) if trained.writes else 0
    inputs = trained.inputs(rows)
    return Probe(
        trained.auto_class,
        rows,
        inputs,
        texts,
        question,
        prompt,
        new_tokens,
        torch.get_num_threads(),
        trained.output,
    )


@torch.inference_mode()
def our_logits(trained: TrainedModel, probe: Probe, model: torch.nn.Module | None = None) -> Tensor:
    """fp32 [rows, …] of the trained model, or of another of its kind."""
    rows = [torch.tensor(row) for row in probe.rows]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    return trained.logits(trained.model if model is None else model, padded, lengths)


def check_parity(folder: Path, trained: TrainedModel, probe: Probe, tolerance: float) -> Parity:
    """Reload the folder in a process without this project, and compare logits, token ids and a continuation.

    Raises:
        UserError: where anything differs, with figures.
    """
    reply, logits = reload(folder, probe)
    if reply["loading_problems"]:
        raise UserError(f"transformers loads {folder} with weights amiss: {reply['loading_problems']}")
    ours = our_logits(trained, probe)
    if logits.shape != ours.shape:
        raise UserError(f"the exported model gives logits {tuple(logits.shape)}, ours {tuple(ours.shape)}")
    difference = float((ours - logits).abs().max())
    if not difference <= tolerance:  # a NaN is no parity either
        raise UserError(
            f"the exported model's logits differ from ours by up to {difference:.2e}, more than "
            f"export.tolerance={tolerance:.0e} (mean {float((ours - logits).abs().mean()):.2e}, over "
            f"{ours.numel():,} logits); it is not written. Should they be large, raise the tolerance"
        )
    _check_tokens(trained.tokenizer, probe, reply)
    if probe.prompt:
        ended = trained.stops.watch(torch.device("cpu"), decoder(trained.tokenizer))
        _check_continuation(trained.model, ended, probe, reply["continuation"], tolerance)
    return Parity(difference, sum(map(len, probe.rows)), reply["class"])


def reload(folder: Path, probe: Probe) -> tuple[Reply, Tensor]:
    """What a process without this project reads from the folder, and its logits.

    Raises:
        UserError: where it cannot load the folder, or was killed.
    """
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "request.json").write_text(json.dumps(asdict(probe)), encoding="utf-8")
        command = [sys.executable, "-I", str(SCRIPT), str(folder.resolve()), work]
        env = os.environ | {"HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            command,
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != 0:
            raise UserError(_why_not(folder, done))
        reply: Reply = json.loads((Path(work) / "reply.json").read_text(encoding="utf-8"))
        return reply, torch.from_numpy(np.load(Path(work) / "logits.npy"))


def _why_not(folder: Path, done: subprocess.CompletedProcess[str]) -> str:
    """What to tell of a check that did not come to its end."""
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        why = (
            "; most often memory ran out: the check needs room for the model once more"
            if name == "SIGKILL"
            else ""
        )
        return f"the check of the exported folder {folder} was ended by {name}{why}. Start again to continue"
    last = [line for line in done.stderr.strip().splitlines() if line.strip()][-3:]
    said = " / ".join(last) or f"its process ended with exit code {done.returncode} and no message"
    if "MemoryError" in said or "can't allocate memory" in said:
        return f"the check of the exported folder {folder} ran out of memory ({said}); give it more, and start again"
    return f"transformers cannot load the exported folder {folder}: {said}"


def _check_tokens(tokenizer: "PreTrainedTokenizerBase", probe: Probe, reply: Reply) -> None:
    expected = tokenizer(probe.texts, add_special_tokens=False, verbose=False).input_ids
    for text, ours, theirs in zip(probe.texts, expected, reply["token_ids"], strict=True):
        if ours != theirs:
            raise UserError(f"the exported tokenizer encodes {text[:60]!r} otherwise than ours")
    if probe.question is not None:
        turn = [{"role": "user", "content": probe.question}]
        if (
            tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
            != reply["chat_ids"]
        ):
            raise UserError("the exported tokenizer's chat template renders otherwise than ours")


@torch.inference_mode()
def _check_continuation(
    model: Any,
    ended: Callable[[Tensor], Tensor],
    probe: Probe,
    theirs: list[int],
    tolerance: float,
) -> None:
    """Our greedy continuation, with our cache, against theirs with their cache."""
    state, [logits], _ = model.begin([probe.prompt], [[]], probe.new_tokens)
    ours: list[int] = []
    while True:
        token = int(logits.argmax())
        if len(ours) >= len(theirs) or token != theirs[len(ours)]:
            # Two tokens as likely as each other within the tolerance may come out either way.
            if len(ours) < len(theirs) and logits[token] - logits[theirs[len(ours)]] <= 2 * tolerance:
                return
            raise UserError(
                f"the exported model continues greedily with {theirs}, ours with {[*ours, token]}, …"
            )
        ours.append(token)
        if bool(ended(torch.tensor([ours]))) or len(ours) == probe.new_tokens:
            break
        logits = model.next_logits(torch.tensor([[token]]), state)[0]
    if ours != theirs:
        raise UserError(f"the exported model continues greedily with {theirs}, ours with {ours}")
