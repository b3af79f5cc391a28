"""Reading examples, splitting them, and turning them into token ids."""

import json
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest

from pipeline.config.tasks import FinetuneConfig
from pipeline.config.tasks.classify import ClassifyConfig
from pipeline.errors import UserError
from train.data.batches import PADDING
from train.finetuning.chat import ChatFormat, TextFormat, set_chat_template
from train.finetuning.data import Example, load_splits
from train.finetuning.examples import encode_labels, encode_responses
from train.finetuning.fitting import cut_middle
from train.finetuning.label_rows import LabelledText
from train.finetuning.labels import find_labels, label_names
from train.finetuning.task import task_of
from train.models import IGNORE_INDEX


def write_rows(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path, task: str = "instruct", **fields: str) -> list[Example]:
    settings = FinetuneConfig.choose(task, data={"train": str(path), **fields})
    return task_of(settings).read_examples(path, settings)


def read_pairs(path: Path, task: str = "instruct", **fields: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(example.source, example.targets) for example in read(path, task, **fields)]


def splits(task: str = "instruct", **files: Path | int | str | list[str] | dict[str, float]):
    data = {name: str(value) if isinstance(value, Path) else value for name, value in files.items()}
    settings = FinetuneConfig.choose(task, data=data)
    return load_splits(
        settings.data, lambda path, unread: task_of(settings).read_examples(path, settings, unread), Path
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "p", "response": "r"}, ("p", ("r",))),
        ({"prompt": "p", "completion": "r", "id": 3}, ("p", ("r",))),
        ({"instruction": "i", "input": "", "output": "o"}, ("i", ("o",))),
        ({"instruction": "i", "input": "x", "output": "o"}, ("i\n\nx", ("o",))),
        ({"instruction": "i", "context": "x", "response": "o", "category": "qa"}, ("i\n\nx", ("o",))),
        (
            {"source": ["One.", "Two."], "target": ["first", "second"]},
            ("One. Two.", ("first", "second")),
        ),
    ],
)
def test_fields_are_found_by_their_names(tmp_path, row, expected):
    assert read_pairs(write_rows(tmp_path / "a.jsonl", [row])) == [expected]


def test_labels_may_be_numbers(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [{"text": "fine", "label": 1}])
    assert read(path, "classify") == [LabelledText("fine", ("1",))]


def test_tables(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text('text,label\n"a, ""quoted""\nline",pos\nb,neg\n', encoding="utf-8")
    assert read(table, "classify") == [
        LabelledText('a, "quoted"\nline', ("pos",)),
        LabelledText("b", ("neg",)),
    ]
    pairs = tmp_path / "a.tsv"
    pairs.write_text('\ufeffHi.\t嗨。\tone\nSay "no\t说不\ttwo\n', encoding="utf-8")
    expected = [("Hi.", ("嗨。",)), ('Say "no', ("说不",))]
    assert read_pairs(pairs, prompt_field="1", response_field="2") == expected
    assert read_pairs(pairs, "seq2seq", prompt_field="1", response_field="2") == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            '{"prompt": "p", "response": "r"}\n{"prompt": "p"}\n',
            "line 2: neither a conversation .* is among prompt; name them",
        ),
        (
            "a.jsonl",
            '{"prompt": "p", "response": "r"}\n\n{"prompt": \n',
            "line 3 is not JSON: Expecting value at",
        ),
        ("a.jsonl", '{"prompt": "p", "response": 1.5}\n', "line 1: .*must be a text"),
        ("a.jsonl", '{"q": "p", "a": "r"}\n', "line 1: neither a conversation.*prompt_field"),
        ("a.json", '[{"prompt": "p", "response": "r"}, 7]', "item 2: a row must be a JSON object"),
        ("a.json", '[{"prompt": "p"', "is not JSON"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.jsonl", '{"prompt": ' + "[" * 100_000 + "\n", "line 1 is not JSON"),
        ("a.csv", "prompt,response\na,b\nc\n", "line 3: 1 column, but the header has 2"),
        ("a.csv", 'prompt,response\na,"b\n', "line 2: unexpected end of data"),
        ("a.csv", "prompt,response,prompt\na,b,c\n", "line 1: several columns are called prompt"),
        ("a.xlsx", "PK", "not .xlsx"),
    ],
)
def test_a_bad_row_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read(path)


PAIR = {"prompt": "p", "response": "r"}
PREFERENCE = {"prompt": "p", "chosen": "a", "rejected": "b"}
RELATION = {"text": "<e1>Ada</e1> in <e2>Rome</e2>", "relation": "lives"}


@pytest.mark.parametrize(
    ("task", "fields", "good", "bad", "others"),
    [
        ("instruct", {}, PAIR, PAIR | {"response": 1.5}, {"q": "a"}),
        ("seq2seq", {}, PAIR, PAIR | {"response": 1.5}, {"prompt": "p"}),
        ("classify", {}, {"text": "t", "label": "a"}, {"text": "t"}, {"text": "t", "label": {}}),
        (
            "classify",
            {"matching": "true", "prompt_field": "a", "second_field": "b"},
            {"a": "x", "b": "y"},
            {"a": "x"},
            {"b": "x"},
        ),
        ("tag", {}, {"tokens": ["a"], "tags": ["O"]}, {"tokens": ["a"], "tags": []}, {"tokens": ["a"]}),
        (
            "extract",
            {},
            {"question": "q", "context": "c", "answers": ["c"]},
            {"question": "q"},
            {"question": 7, "context": "c", "answers": ["c"]},
        ),
        ("relate", {}, RELATION, RELATION | {"text": "<e1>Ada</e1>"}, RELATION | {"relation": []}),
        ("dpo", {}, PREFERENCE, PREFERENCE | {"chosen": 1.5}, {"prompt": "p", "chosen": "a"}),
        ("kto", {}, PREFERENCE, PREFERENCE | {"label": "maybe"}, {"prompt": "p", "chosen": "a"}),
    ],
)
def test_all_bad_rows_of_a_file_are_told_at_once(tmp_path, task, fields, good, bad, others):
    path = tmp_path / "a.jsonl"
    rows = [json.dumps(row) for row in (good, bad, good, others)]
    path.write_text("\n".join([*rows, '{"prompt": "p",', *rows[:1]]) + "\n")
    with pytest.raises(UserError) as raised:
        read(path, task, **fields)
    header, *lines = str(raised.value).splitlines()
    assert header == f"3 faults in {path}:"
    assert [line[:8] for line in lines] == ["  line 2", "  line 4", "  line 5"]


def test_the_bad_rows_of_all_files_are_told_at_once(tmp_path):
    train = write_rows(tmp_path / "train.jsonl", [PAIR, {"prompt": "p"}, {"prompt": "p", "response": 1.5}])
    test = write_rows(tmp_path / "test.jsonl", [{"prompt": "q"}])
    empty = write_rows(tmp_path / "empty.jsonl", [])
    with pytest.raises(UserError) as raised:
        splits(train=train, validation=empty, test=test)
    first, _, _, *others = str(raised.value).splitlines()
    assert first == f"2 faults in {train}:"
    assert [line.split(" ")[0] for line in others] == [str(empty), f"{test},"]


def test_files_that_are_not_utf8(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"prompt,response\ncaf\xe9,b\n")
    with pytest.raises(UserError, match="not UTF-8"):
        read(tmp_path / "a.csv")


def test_an_empty_file(tmp_path):
    with pytest.raises(UserError, match="holds no examples"):
        splits(train=write_rows(tmp_path / "a.jsonl", []))


def test_held_out_examples_stay_held_out(tmp_path):
    rows = [{"prompt": f"question {n}", "response": "r"} for n in range(400)]
    before = splits(train=write_rows(tmp_path / "a.jsonl", rows))
    # more examples, in another order
    more = [{"prompt": f"new {n}", "response": "r"} for n in range(100)] + rows[::-1]
    after = splits(train=write_rows(tmp_path / "b.jsonl", more))
    for split in ("train", "validation", "test"):
        sources = {e.source for e in getattr(before, split)}
        assert sources == {e.source for e in getattr(after, split) if e.source.startswith("question")}
    assert 5 < len(before.test) < 40
    assert 5 < len(before.validation) < 40
    assert len(before.train) + len(before.validation) + len(before.test) == 400


def test_few_examples_still_give_every_split_one(tmp_path):
    rows = [{"prompt": f"{n}", "response": "r"} for n in range(4)]
    found = splits(train=write_rows(tmp_path / "a.jsonl", rows))
    assert [len(found.train), len(found.validation), len(found.test)] == [2, 1, 1]
    with pytest.raises(UserError, match="no training examples are left"):
        splits(train=write_rows(tmp_path / "b.jsonl", rows[:2]))


def test_nothing_of_the_held_out_files_is_trained_on(tmp_path):
    rows = [{"prompt": f"Question {n}", "response": "r"} for n in range(20)]
    given = {
        "train": write_rows(tmp_path / "train.jsonl", rows),
        "validation": write_rows(tmp_path / "validation.jsonl", [{"prompt": "v", "response": "r"}, rows[4]]),
        "test": write_rows(tmp_path / "test.jsonl", [{"prompt": " question  3", "response": "r"}, rows[4]]),
    }
    found = splits(**given)
    assert {e.source for e in found.train} == {f"Question {n}" for n in range(20) if n not in (3, 4)}
    assert [e.source for e in found.validation] == ["v"]
    assert found.leaked == 3
    assert len(splits(**given, max_examples=5).train) == 5


def test_a_conversation_in_which_a_held_out_prompt_is_answered_is_not_trained_on(tmp_path):
    def talk(*texts):
        return {
            "messages": [{"role": ("user", "assistant")[n % 2], "content": t} for n, t in enumerate(texts)]
        }

    test = write_rows(tmp_path / "test.jsonl", [talk("Who are you?", "A model.")])
    longer = [talk("who are you?", "A model.", f"And {n}?", "r") for n in range(3)]
    others = [talk(f"Hi {n}?", "Hello.", "Who are you?", "A model.") for n in range(40)]
    found = splits(train=write_rows(tmp_path / "train.jsonl", [*longer, *others]), test=test)
    assert found.leaked == 3
    assert len(found.train) + len(found.validation) == 40


def test_several_files_with_weights(tmp_path):
    paths = [
        str(
            write_rows(
                tmp_path / f"{name}.jsonl", [{"prompt": f"{name} {n}", "response": "r"} for n in range(200)]
            )
        )
        for name in "abc"
    ]
    even = splits(train=paths)
    assert len(even.train) + len(even.validation) + len(even.test) == 600
    found = splits(train=dict(zip(paths, (2.5, 1, 0.25), strict=True)))
    counts = Counter(Counter(e.source for e in found.train).values())
    seen = Counter(e.source[0] for e in found.train)
    assert 2.3 < seen["a"] / len({e.source for e in even.train if e.source[0] == "a"}) < 2.7
    assert 0.15 < seen["c"] / seen["b"] < 0.35
    assert set(counts) == {1, 2, 3}
    for held_out in (found.validation, found.test):
        sources = [e.source for e in held_out]
        assert len(sources) == len(set(sources)), "each once, whatever its weight"
        assert not set(sources) & {e.source for e in found.train}


def test_a_data_set_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    talks = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "r"}] for n in range(40)]
    rows = datasets.Dataset.from_dict({"messages": talks, "id": list(range(40))})
    rows.to_parquet(tmp_path / "data" / "train.parquet")
    name = f"hub://{tmp_path / 'data'}#train"
    found = splits(train=f"{name}[:50%]", test=f"{name}[50%:]")
    assert len(found.train) + len(found.validation) == len(found.test) == 20
    assert found.unread == {"id": 40}
    assert found.test[0].source == "20?"
    with pytest.raises(UserError, match=r"cannot be loaded.*other"):
        splits(train=f"hub://{tmp_path / 'data'}#other")
    talks[3][0]["role"] = "wizard"
    datasets.Dataset.from_dict({"messages": talks}).to_parquet(tmp_path / "odd" / "train.parquet")
    with pytest.raises(UserError, match=r"odd#train, row 4: .*'wizard'"):
        splits(train=f"hub://{tmp_path / 'odd'}#train")


def test_empty_responses_are_left_out_and_counted(tmp_path):
    rows = [{"prompt": f"{n}", "response": "" if n == 7 else "r"} for n in range(50)]
    found = splits(train=write_rows(tmp_path / "a.jsonl", rows))
    assert found.empty == 1
    assert "7" not in {e.source for e in [*found.train, *found.validation, *found.test]}


def test_an_empty_target_gives_way_to_the_next(tmp_path):
    rows = write_rows(tmp_path / "a.jsonl", [{"prompt": "p", "response": ["", "r"]}])
    assert read_pairs(rows) == [("p", ("r",))]


def test_nulls_are_left_out_and_counted_as_empty_texts_are(tmp_path):
    rows = [{"prompt": f"{n}", "response": "r"} for n in range(50)]
    rows[7]["response"] = rows[8]["prompt"] = None
    rows[9]["response"] = [None, "second"]
    found = splits(train=write_rows(tmp_path / "a.jsonl", rows))
    assert found.empty == 2
    examples = {e.source: e.targets for e in [*found.train, *found.validation, *found.test]}
    assert {"7", "8", "None", ""}.isdisjoint(examples)
    assert examples["9"] == ("second",)


def test_columns_that_are_not_read_are_named(tmp_path):
    rows = [
        {"instruction": f"{n}", "input": "x", "output": "r", "system": "", "history": []} for n in range(50)
    ]
    for row in rows[:3]:
        row["system"] = "You are a pirate."
    rows[5]["history"] = [["Hi", "Hello"]]
    found = splits("seq2seq", train=write_rows(tmp_path / "a.jsonl", rows))
    assert found.unread == {"system": 3, "history": 1}
    assert found.describe_unread() == "not read: system (3 rows), history (1 row)"
    pairs = write_rows(tmp_path / "b.jsonl", [{"prompt": f"{n}", "response": "r"} for n in range(50)])
    assert splits(train=pairs).describe_unread() == ""


def test_lone_surrogates_are_taken_out_and_told(tmp_path, caplog):
    """JSON can spell what no file and no tokenizer can take."""
    path = tmp_path / "a.jsonl"
    path.write_text(
        r'{"prompt": "caf\ud83d\u00e9", "response": ["\udc00ja \ud83d\ude00"], "x\ud800": 1}' + "\n"
        r'{"prompt": "b", "response": "r"}' + "\n"
    )
    assert read_pairs(path) == [("café", ("ja 😀",)), ("b", ("r",))]
    assert (
        f"{path}: 3 halves of surrogate pairs, which are no characters, are taken out of 1 row" in caplog.text
    )
    array = tmp_path / "a.json"
    array.write_text(r'[{"prompt": "caf\ud83d\u00e9", "response": "ja"}]')
    assert read_pairs(array) == [("café", ("ja",))]


def test_real_instructions(shared_data):
    dolly = read(shared_data("instruct/dolly_hhrlhf_train_small.jsonl"))
    assert len(dolly) == 1000
    assert "kangen water" in dolly[0].source
    assert dolly[0].targets[0].startswith("Kangen water is alkaline")
    alpaca = read(shared_data("instruct/rasbt_instruction-data.json"))
    assert len(alpaca) == 1100
    assert (alpaca[1].source, alpaca[1].targets) == (
        "Edit the following sentence for grammar.\n\nHe go to the park every day.",
        ("He goes to the park every day.",),
    )
    # a .json file with an object per line, its fields named by the configuration
    fields = {"prompt_field": "question", "response_field": "std_answer"}
    belle = read(shared_data("instruct/belle_eval_set.json"), **fields)
    assert len(belle) == 1000
    assert belle[0].source == "请你写出一个可以生成五个不同随机数的 Python 程序。"


def test_scitldr(shared_data):
    folder = shared_data("scitldr")
    names = {"train": "train", "validation": "dev", "test": "test"}
    found = splits("seq2seq", **{split: folder / f"SciTLDR-A.{name}.jsonl" for split, name in names.items()})
    # Three abstracts of the training and one of the validation split are held out elsewhere, too.
    assert found.leaked == 4
    assert [len(found.train), len(found.validation), len(found.test)] == [1992 - 3, 619 - 1, 618]
    assert sum(len(e.targets) for e in found.test) == 2 * 83 + 3 * 339 + 4 * 196
    assert found.test[0].source.startswith(
        "Incremental class learning involves sequentially learning classes in"
    )


def test_tatoeba(shared_data):
    pairs = read(shared_data("tatoeba-zh-en/cmn.txt"), "seq2seq", prompt_field="1", response_field="2")
    assert len(pairs) == 29155  # and a blank line
    assert pairs[0] == Example("Hi.", ("嗨。",))


def test_the_loss_is_on_the_response_alone(chat_tokenizer):
    set_chat_template(chat_tokenizer)
    example = Example("What is the capital of France?", ("Paris.", "The capital is Paris."))
    encoded = encode_responses([example], ChatFormat(chat_tokenizer), 64)
    whole = "<|user|>What is the capital of France?<|end|><|assistant|>Paris.<|end|>"
    ids = chat_tokenizer(whole).input_ids
    assert encoded.input_ids[0].tolist() == ids[:-1]
    counted = encoded.labels[0] != IGNORE_INDEX
    assert chat_tokenizer.decode(encoded.labels[0][counted]) == "Paris.<|end|>"
    # shifted: the label is the token after, and the first that counts stands at the last marker of the prompt
    assert encoded.labels[0][counted].tolist() == ids[-counted.sum() :]
    assert chat_tokenizer.decode(encoded.input_ids[0][counted][:1]) == "<|assistant|>"
    assert encoded.target_counts(np.array([0]), np.array([0])).tolist() == [counted.sum()]


def test_batches_are_padded_with_ignored_labels(plain_tokenizer):
    examples = [
        Example("The dog", ("sleeps on.",)),
        Example("The quick brown fox jumps over", ("the lazy dog",)),
    ]
    encoded = encode_responses(examples, TextFormat(plain_tokenizer), 100)
    batch = encoded.collate(np.array([0, 1, PADDING]), np.arange(3))
    lengths = [len(ids) for ids in encoded.input_ids]
    assert batch["input_ids"].shape == (3, -(-max(lengths) // 8) * 8)
    for row, length in enumerate([*lengths, 0]):
        assert (batch["input_ids"][row, length:] == plain_tokenizer.pad_token_id).all()
        assert (batch["labels"][row, length:] == IGNORE_INDEX).all()
    counts = encoded.target_counts(np.arange(2), np.arange(2))
    assert (batch["labels"] != IGNORE_INDEX).sum(1).tolist() == [*counts, 0]
    # a batch never grows beyond what the model reads
    short = encode_responses(examples, TextFormat(plain_tokenizer), 13)
    assert short.collate(np.arange(2), np.arange(2))["input_ids"].shape == (2, 13)


def test_long_prompts_lose_their_middle_and_responses_nothing(chat_tokenizer):
    set_chat_template(chat_tokenizer)
    form = ChatFormat(chat_tokenizer)
    example = Example("START " + "the lazy dog " * 50 + "FINISH", ("Paris is the capital.",))
    encoded = encode_responses([example], form, 48)
    assert (encoded.cut_prompts, encoded.cut_responses) == (1, 0)
    assert len(encoded.input_ids[0]) == 48
    text = chat_tokenizer.decode(encoded.input_ids[0])
    assert text.startswith("<|user|>START the lazy")
    assert text.endswith("FINISH<|end|><|assistant|>Paris is the capital.")
    labels = encoded.labels[0][encoded.labels[0] != IGNORE_INDEX]
    assert chat_tokenizer.decode(labels) == "Paris is the capital.<|end|>"


@pytest.mark.parametrize(
    ("max_length", "read"),
    [(40, "<|user|>Say it.<|end|><|assistant|>the lazy dog"), (4, "<|user|><|assistant|>the")],
)
def test_of_a_long_response_the_question_stays_as_far_as_it_is_half(chat_tokenizer, max_length, read):
    set_chat_template(chat_tokenizer)
    encoded = encode_responses(
        [Example("Say it.", ("the lazy dog " * 50,))], ChatFormat(chat_tokenizer), max_length
    )
    assert encoded.cut_responses == 1
    assert len(encoded.input_ids[0]) == max_length
    assert chat_tokenizer.decode(encoded.input_ids[0]).startswith(read)
    prompt = len(chat_tokenizer(read.partition("the")[0]).input_ids)
    assert encoded.target_counts(np.array([0]), np.array([0])).tolist() == [max_length + 1 - prompt]


def test_cut_middle():
    assert cut_middle([1, 2, 3], 3) == [1, 2, 3]
    assert cut_middle([1, 2, 3, 4, 5], 3) == [1, 4, 5]
    assert cut_middle([1, 2, 3, 4, 5], 1) == [5]


def test_labels(plain_tokenizer):
    given = {"a dog": "10", "the quick brown fox": "2", "sleeps": "10"}
    examples = [LabelledText(text, (label,)) for text, label in given.items()]
    labels = find_labels(examples, ClassifyConfig())
    assert labels.names == ["2", "10"]
    encoded = encode_labels(examples, labels, plain_tokenizer, 5)
    batch = encoded.collate(np.array([2, 1, PADDING]), np.arange(3))
    assert batch["labels"].tolist() == [1, 0, IGNORE_INDEX]
    last = batch["input_ids"][range(3), batch["lengths"] - 1]
    assert last[0] == plain_tokenizer("sleeps").input_ids[-1]
    assert last[1] == plain_tokenizer("the quick brown fox").input_ids[:5][-1]
    with pytest.raises(UserError, match=r"'7'.*not among"):
        encode_labels([LabelledText("x", ("7",))], labels, plain_tokenizer, 5)
    with pytest.raises(UserError, match="two labels"):
        label_names(examples[:1])


@pytest.mark.parametrize(
    ("labels", "ordered"),
    [
        (["1", "-1", "10", "2"], ["-1", "1", "2", "10"]),
        (["-1", "--1", "1"], ["--1", "-1", "1"]),
        (["-", "1"], ["-", "1"]),
        (["01", "1", "0"], ["0", "01", "1"]),
        (["9" * 5000, "1"], ["1", "9" * 5000]),
    ],
)
def test_labels_are_ordered_whatever_they_are(labels, ordered):
    assert label_names([Example("x", (label,)) for label in labels]) == ordered


def test_test_answers_that_training_has_taught_are_counted(tmp_path: Path) -> None:
    """Among them those of earlier turns."""

    def talk(*said: str) -> str:
        roles = ("user", "assistant")
        return json.dumps({"messages": [{"role": roles[i % 2], "content": s} for i, s in enumerate(said)]})

    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text(
        "\n".join([talk("Hi", "Hello!", "Who?", "A model."), *(talk(f"{n}?", f"{n}!") for n in range(9))])
    )
    test.write_text("\n".join([talk("Hey", "Hello!"), talk("What?", "A  model."), talk("Really?", "Yes.")]))
    assert splits(train=train, test=test).known_answers() == 2
