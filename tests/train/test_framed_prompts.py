"""Examples whose prompts a template has written already: they are told, and can be left as they are."""

import json
import logging
from pathlib import Path

import pytest

from tests.pipeline.test_preflight import configured, finetuned, preflight
from tests.train.test_finetune import pretrained, stage  # noqa: F401
from train.finetune import run
from train.finetuning.chat import ChatFormat
from train.finetuning.chat_templates import find_template
from train.finetuning.framed_prompts import Frame, find_frame

ALPACA = Frame(
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n",
    "\n\n### Response:\n",
)
QUESTIONS = [
    f"{what} {n} {of}" for n, what in enumerate(("Add", "Halve", "Spell") * 14) for of in ("now", "?")
]


def write(folder: Path, frame: Frame) -> str:
    path = folder / "asked.jsonl"
    rows = [{"prompt": frame.around(question), "response": f"Gladly: {question}"} for question in QUESTIONS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def told(tmp_path: Path, frame: Frame, *settings: str, task: str = "instruct") -> str:
    root = configured(tmp_path, *finetuned(task, write(tmp_path, frame)), *settings)
    [found] = [found for found in preflight(root).findings() if found.check == "framed prompts"]
    assert found.state == "warning" or not found.words
    return found.words


def test_a_dry_run_tells_of_prompts_that_are_written_already(tmp_path: Path) -> None:
    words = told(tmp_path, ALPACA)
    assert "'Below is an instruction" in words
    assert r"### Instruction:\n…\n\n### Response:\n' stands in nearly all prompts" in words
    assert "set finetune.template=alpaca, which leaves such prompts as they are" in words
    assert not told(tmp_path, ALPACA, "finetune.template=alpaca")
    assert "finetune.template=alpaca" in told(tmp_path, ALPACA, "finetune.template=chatml")
    assert not told(tmp_path, Frame("", ""))

    own = Frame("[INST] ", " [/INST]")
    assert "take it out of the prompts, or set finetune.template=FILE.jinja" in told(tmp_path, own)
    (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    assert not told(tmp_path, own, f"finetune.template={tmp_path / 'own.jinja'}")


def test_text_to_text_leaves_them_as_they_are_by_its_own_setting(tmp_path: Path) -> None:
    assert "set finetune.prompt_template={source}" in told(tmp_path, ALPACA, task="seq2seq")
    assert not told(tmp_path, ALPACA, "finetune.prompt_template='{source}'", task="seq2seq")


def test_the_log_tells_of_them(tmp_path, pretrained, make_context, caplog) -> None:  # noqa: F811
    caplog.set_level(logging.WARNING)
    data = {"train": write(tmp_path, Frame("[INST] ", " [/INST]"))}
    run(stage(task="instruct", data=data, trainer={"steps": 1}), make_context(tmp_path / "out", **pretrained))
    assert "'[INST] … [/INST]' stands in nearly all prompts" in caplog.text


def test_alpacas_template_writes_a_question_as_the_examples_have_it(plain_tokenizer) -> None:
    plain_tokenizer.chat_template = find_template("alpaca")
    form = ChatFormat(plain_tokenizer)
    asked = ALPACA.around("what is kangen water?")
    assert form.prompt("what is kangen water?") == asked
    assert form.prompt(asked) == asked
    assert form.response(asked, "Kangen water is …") == "Kangen water is …<|endoftext|>"
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And?"},
    ]
    assert form.prompt(turns) == (
        "Be kind.\n\n### Instruction:\nHi?\n\n### Response:\nHello.<|endoftext|>\n\n### Instruction:\nAnd?\n\n"
        "### Response:\n"
    )


@pytest.mark.parametrize("odd", [0, 5])
def test_a_frame_of_nearly_all_prompts_is_found(odd: int) -> None:
    prompts = [ALPACA.around(question) for question in QUESTIONS]
    assert find_frame([*prompts, *["Hello, who are you?"] * odd]) == ALPACA
    assert find_frame([*prompts, *["Hello, who are you?"] * 20]) is None
    assert find_frame(prompts[:9]) is None
    assert find_frame(QUESTIONS) is None
    assert find_frame(["The same question."] * 20) is None, "nothing is left that an end could be of"
