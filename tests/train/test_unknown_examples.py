"""What the tokenizer does not know of training examples is told, of all that a task reads of them."""

import json
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tests.train.head_tasks import save_base, stage
from train.finetune import run
from train.finetuning.base_model import find_base_model
from train.finetuning.task import task_of

SPECIAL = ["<|endoftext|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"]


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """A model whose tokenizer has a token for each ASCII character, and for no other."""
    tokens = [*SPECIAL, "<|unk|>", *string.printable]
    made = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, [], unk_token="<|unk|>"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=SPECIAL[0], pad_token=SPECIAL[1], unk_token="<|unk|>",
        extra_special_tokens=SPECIAL[2:],
    )  # fmt: skip
    return save_base(tmp_path, tokenizer, context=256)


def write(path: Path, row: dict) -> Path:
    """Sixty examples that differ, of which some are held out."""
    text = json.dumps(row, ensure_ascii=False)
    rows = [text.replace("NUMBER", str(number)).replace("PARITY", str(number % 2)) for number in range(60)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


TURNS = [{"role": "user", "content": "甲 NUMBER"}, {"role": "assistant", "content": "乙"}]


@pytest.mark.parametrize(
    ("task", "row", "named"),
    [
        ("instruct", {"prompt": "甲 NUMBER", "response": "乙"}, "甲 乙"),
        ("instruct", {"messages": [{"role": "system", "content": "丙"}, *TURNS]}, "丙 甲 乙"),
        ("seq2seq", {"source": "甲 NUMBER", "target": "乙"}, "甲 乙"),
        ("dpo", {"prompt": "甲 NUMBER", "chosen": "乙 a", "rejected": "丙 b"}, "甲 乙 丙"),
        ("kto", {"prompt": "甲 NUMBER", "completion": "乙", "label": True}, "甲 乙"),
        ("classify", {"text": "甲 NUMBER", "label": "乙 PARITY"}, "甲"),
        ("classify", {"sentence1": "甲 NUMBER", "sentence2": "丙", "label": "乙 PARITY"}, "甲 丙"),
        ("tag", {"tokens": ["甲", "NUMBER"], "tags": ["B-乙", "O"]}, "甲"),
        (
            "extract",
            {"question": "甲 NUMBER", "context": "丙", "answers": {"text": ["丙"], "answer_start": [0]}},
            "甲 丙",
        ),
    ],
)
def test_of_every_task(
    inputs: dict[str, Path], tmp_path: Path, make_context: Callable, task: str, row: dict, named: str
) -> None:
    settings = stage(task, write(tmp_path / "rows.jsonl", row)).finetune
    chosen = task_of(settings)
    splits = chosen.read_splits(settings, Path)
    base = find_base_model(None, make_context(tmp_path / "out", **inputs))
    training = chosen.training(settings, base, splits)
    (told,) = [words for words in training.warnings() if "unknown" in words]
    count = len(splits.train) * len(named.split())
    assert told.startswith(f"{count} characters of the training examples are unknown to the tokenizer (")
    assert f"{len(named.split())} different, " in told
    assert told.endswith(f": {named}")


def test_the_log_says_it(
    inputs: dict[str, Path], tmp_path: Path, make_context: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    rows = write(tmp_path / "rows.jsonl", {"text": "甲 NUMBER", "label": "PARITY"})
    with caplog.at_level("WARNING"):
        run(stage("classify", rows, steps=1), make_context(tmp_path / "out", **inputs))
    assert "characters of the training examples are unknown to the tokenizer (1 different, " in caplog.text
