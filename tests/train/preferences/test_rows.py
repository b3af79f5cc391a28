"""Preference data in all the forms in which people publish it, and what is wrong with it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.tasks.kto import RatedDataConfig
from pipeline.config.tasks.preferences import PreferenceDataConfig
from pipeline.errors import UserError
from train.finetuning.data import load_splits
from train.finetuning.preferences.rated_rows import Rated, read_rated_answers
from train.finetuning.preferences.rows import Pair, read_pairs_of_answers


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(folder: Path, *rows: Any, **settings: Any) -> list[Pair]:
    return list(read_pairs_of_answers(write(folder, *rows), PreferenceDataConfig(**settings), Counter()))


def rated(folder: Path, *rows: Any, **settings: Any) -> list[Any]:
    return list(read_rated_answers(write(folder, *rows), RatedDataConfig(**settings), Counter()))


HELLO = Pair("Hi?", ("Hello.",), (user("Hi?"),), "Go away.")
TALK = [user("Hi?"), assistant("Hello."), user("How are you?")]
SHAREGPT = {"user": "human", "assistant": "gpt"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi?", "chosen": "Hello.", "rejected": "Go away."},
        {"instruction": "Hi?", "input": "", "chosen": "Hello.", "rejected": "Go away."},
        {"question": "Hi?", "chosen": "Hello.", "rejected": "Go away."},
        {"prompt": [user("Hi?")], "chosen": [assistant("Hello.")], "rejected": [assistant("Go away.")]},
        {
            "chosen": [user("Hi?"), assistant("Hello.")],
            "rejected": [user("Hi?"), assistant("Go away.")],
        },
        # UltraFeedback: the prompt stands in a field of its own, too.
        {
            "prompt": "Hi?",
            "chosen": [user("Hi?"), assistant("Hello.")],
            "rejected": [user("Hi?"), assistant("Go away.")],
        },
        # HH-RLHF: one text for all of the conversation.
        {
            "chosen": "\n\nHuman: Hi?\n\nAssistant: Hello.",
            "rejected": "\n\nHuman: Hi?\n\nAssistant: Go away.",
        },
        # ShareGPT's names.
        {
            "conversations": [{"from": "human", "value": "Hi?"}],
            "chosen": {"from": "gpt", "value": "Hello."},
            "rejected": {"from": "gpt", "value": "Go away."},
        },
    ],
)
def test_one_pair_in_every_form(row: dict[str, Any], tmp_path: Path) -> None:
    assert read(tmp_path, row) == [HELLO]


def test_several_turns_and_a_system_prompt(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be kind."}
    chosen, rejected = [system, *TALK, assistant("Well.")], [system, *TALK, assistant("Bad.")]
    [pair] = read(tmp_path, {"chosen": chosen, "rejected": rejected})
    assert pair.turns == (system, *TALK)
    assert (pair.chosen, pair.rejected) == ("Well.", "Bad.")
    text = "\n\nHuman: Hi?\n\nAssistant: Hello.\n\nHuman: How are you?\n\nAssistant: "
    [pair] = read(tmp_path, {"chosen": text + "Well.", "rejected": text + "Bad."})
    assert pair.turns == tuple(TALK)


def test_fields_by_name_and_what_is_not_read(tmp_path: Path) -> None:
    row = {"q": "Hi?", "better": "Hello.", "worse": "Go away.", "score": 3}
    names = {"prompt_field": "q", "chosen_field": "better", "rejected_field": "worse"}
    unread: Counter[str] = Counter()
    path = write(tmp_path, row)
    assert list(read_pairs_of_answers(path, PreferenceDataConfig(**names), unread)) == [HELLO]
    assert unread == {"score": 1}


def test_columns_without_names(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("Hi?\tHello.\tGo away.\n")
    config = PreferenceDataConfig(prompt_field=1, chosen_field=2, rejected_field=3)
    assert list(read_pairs_of_answers(path, config, Counter())) == [HELLO]


def test_settings_that_contradict_each_other() -> None:
    [same] = PreferenceDataConfig(chosen_field="rejected").problems()
    assert "are both 'rejected'" in same
    [useless] = PreferenceDataConfig(response_field="answer").problems()
    assert "response_field is of no use" in useless
    assert RatedDataConfig(response_field="answer").problems() == []


def test_good_and_bad_answers(tmp_path: Path) -> None:
    good, bad = (
        Rated("Hi?", (answer,), (user("Hi?"),), label)
        for answer, label in (("Hello.", True), ("Go away.", False))
    )
    rows = [
        {"prompt": "Hi?", "completion": "Hello.", "label": True},
        {"prompt": [user("Hi?")], "completion": [assistant("Go away.")], "label": "false"},
    ]
    assert rated(tmp_path, *rows) == [good, bad]
    assert rated(tmp_path, {"prompt": "Hi?", "chosen": "Hello.", "rejected": "Go away."}) == [good, bad]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "Hi?", "chosen": "Hello."}, "line 1: the field 'rejected' is missing"),
        (
            {"prompt": [{"role": "wizard", "content": "Hi?"}], "chosen": "a", "rejected": "b"},
            "line 1: the field 'prompt' has a message of the role 'wizard'; the known roles are system, developer",
        ),
        (
            {
                "chosen": [assistant("Hi."), user("Hi?"), assistant("a")],
                "rejected": [user("Hi?"), assistant("b")],
            },
            "line 1: the two conversations differ before their last turn",
        ),
        (
            {"prompt": [assistant("Hi."), user("Hi?")], "chosen": "a", "rejected": "b"},
            "line 1: the conversation starts with the assistant",
        ),
        ({"chosen": "a", "rejected": "b"}, "line 1: no turn of the user comes before the answer"),
        (
            {"prompt": "Hi?", "chosen": [user("Hi?")], "rejected": "b"},
            "line 1: the field 'chosen' ends with a turn of the user, not with an answer",
        ),
        (
            {"prompt": "Hi?", "chosen": 1.5, "rejected": "b"},
            "line 1: the field 'chosen' must be a text or messages",
        ),
        (
            {"prompt": "Hi?", "chosen": [{"role": "assistant", "content": 3}], "rejected": "b"},
            "line 1: the field 'chosen' has a message whose content is no text: 3",
        ),
    ],
)
def test_a_row_that_is_no_pair_is_named(row: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, row)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"prompt": "Hi?", "completion": "a"},
            "line 1: there is no 'label' that says whether an answer is good",
        ),
        ({"prompt": "Hi?", "completion": "a", "label": "maybe"}, "line 1: the field 'label' must be true"),
        ({"prompt": "Hi?", "label": True}, "line 1: the answer's field completion or response"),
    ],
)
def test_a_row_that_is_no_rated_answer_is_named(row: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        rated(tmp_path, row)
    assert words in str(error.value)


def test_pairs_that_teach_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    good = [{"prompt": f"{n}?", "chosen": "yes", "rejected": "no"} for n in range(50)]
    same = [{"prompt": "a?", "chosen": "yes", "rejected": "yes "}] * 3
    empty = [
        {"prompt": "b?", "chosen": "", "rejected": "no"},
        {"prompt": "b?", "chosen": "yes", "rejected": None},
        {"prompt": " ", "chosen": "yes", "rejected": "no"},
    ]
    config = PreferenceDataConfig(train=str(write(tmp_path, *good, *same, *empty)))

    def splits(config: PreferenceDataConfig) -> Any:
        return load_splits(
            config, lambda path, unread: list(read_pairs_of_answers(path, config, unread)), Path
        )

    found = splits(config)
    assert found.left_out == {
        "their answers are the same": 3,
        "their prompt or one of their answers is empty": 3,
    }
    assert len(found.train) + len(found.validation) + len(found.test) == 50
    with pytest.raises(UserError, match="3 rows: their answers are the same"):
        splits(PreferenceDataConfig(train=str(write(tmp_path, *same))))


def test_real_pairs(shared_data, tmp_path: Path) -> None:
    path = shared_data("preference/rasbt_instruction-data-with-preference.json")
    unread: Counter[str] = Counter()
    pairs = list(read_pairs_of_answers(path, PreferenceDataConfig(), unread))
    assert len(pairs) == 1100
    assert Counter(pair.flaw for pair in pairs) == {"": 1094, "their answers are the same": 6}
    assert unread == {"output": 1100}
