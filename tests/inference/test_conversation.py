"""What of a conversation a model can read."""

import io
import json

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from inference import chat, sample
from inference.conversation import Conversation
from inference.settings import ChatSettings, SampleSettings
from inference.terminal import Chat
from pipeline.errors import UserError
from train.finetuning.chat import ChatFormat, find_stops, set_chat_template
from train.generation.stops import Stops
from train.opening.opened_model import OpenedModel


def test_the_oldest_turns_are_left_out_and_the_systems_stays(tokenizer) -> None:
    set_chat_template(tokenizer)
    talk = Conversation(ChatFormat(tokenizer), "Be kind.")
    for number in range(4):
        ids, left_out = talk.ask(f"Say {number}.", room=1000)
        assert left_out == 0
        talk.answer(f"{number}")
    ids, left_out = talk.ask("Say 4.", room=len(ids))
    assert left_out == 2  # a question goes with its answer
    text = tokenizer.decode(ids)
    assert text.startswith("Be kind.<|end|><|user|>Say 1.")
    assert text.endswith("<|user|>Say 4.<|end|><|assistant|>")
    talk.take_back()
    before = list(talk.turns)
    with pytest.raises(UserError, match=r"this turn has .* tokens, and there is room for 20"):
        talk.ask("a " * 50, room=20)
    assert talk.turns == before


@pytest.mark.parametrize("word", ["/quit", "/exit", "／quit", "、quit"])
def test_a_conversation_ends_by_a_word(tokenizer, tiny_model, monkeypatch, capsys, word: str) -> None:
    set_chat_template(tokenizer)
    form = ChatFormat(tokenizer)
    opened = OpenedModel("tiny", tiny_model(), tokenizer, form, find_stops(form))
    lines = iter(["、help", word])  # reading on would be a StopIteration
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    Chat(opened, ChatSettings()).run()
    assert f"  /{word[1:]}                end the conversation" in capsys.readouterr().out


def test_a_saved_conversation_has_each_system_prompt_where_it_was_set(tokenizer, tmp_path) -> None:
    set_chat_template(tokenizer)
    talk = Conversation(ChatFormat(tokenizer))
    for system, text in ((None, "One."), ("Be kind.", "Two."), ("Be brief.", "Three.")):
        talk.set_system(system)
        ids, _ = talk.ask(text, room=1000)
        assert tokenizer.decode(ids).startswith(system or "<|user|>One."), (
            "the model reads the present one first"
        )
        talk.answer("Yes.")
    talk.save(tmp_path / "saved.jsonl")
    (saved,) = map(json.loads, (tmp_path / "saved.jsonl").read_text().splitlines())
    said = [turn["content"] for turn in saved["messages"] if turn["role"] != "assistant"]
    assert said == ["One.", "Be kind.", "Two.", "Be brief.", "Three."]


def test_the_temperature_is_told_and_set(tokenizer, tiny_model, monkeypatch, capsys) -> None:
    set_chat_template(tokenizer)
    form = ChatFormat(tokenizer)
    opened = OpenedModel("tiny", tiny_model(), tokenizer, form, find_stops(form))
    lines = iter(["/temperature 0.25", "/temperature", "/quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    Chat(opened, ChatSettings()).run()
    assert capsys.readouterr().out.count("(the temperature is 0.25)") == 2


@pytest.mark.parametrize("said", ["你好".encode("gbk"), "你".encode()[:2]])
def test_what_is_not_utf8_is_refused_and_the_conversation_goes_on(
    folder, monkeypatch, capsys, said: bytes
) -> None:
    lines = b"\n".join([said, b"/system " + said, "／temperature　0.25".encode(), b"Hello"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines), "utf-8"))
    chat.main([f"model={folder}", "max_new_tokens=4", "seed=1"])
    told = capsys.readouterr().out
    assert told.count("error: this is not UTF-8; write it in UTF-8") == 2
    assert "(the temperature is 0.25)" in told
    assert "(cut after 4 tokens" in told


def test_settings_that_are_not_utf8_are_told(capsys) -> None:
    with pytest.raises(SystemExit):
        chat.main(["system=\udcc4\udce3"])
    assert r"'system=\udcc4\udce3' is not UTF-8; write it in UTF-8" in capsys.readouterr().err


def test_an_answer_without_a_word_says_what_may_help(tokenizer, tiny_model, monkeypatch, capsys) -> None:
    set_chat_template(tokenizer)
    form = ChatFormat(tokenizer)
    model = tiny_model(len(tokenizer))
    with torch.no_grad():  # so it always says its first token, which ends
        for parameter in model.parameters():
            parameter.zero_()
    opened = OpenedModel("tiny", model, tokenizer, form, Stops([0]))
    lines = iter(["Hello", "/quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    Chat(opened, ChatSettings(temperature=0)).run()
    assert "(no answer: the model ended at once" in capsys.readouterr().out


def test_what_the_tokenizer_does_not_know_of_a_prompt_is_told_once(tiny_model, monkeypatch, capsys) -> None:
    names = ["<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", "<|unk|>"]
    vocabulary = {token: id for id, token in enumerate([*names, *"好吗\n"])}
    made = Tokenizer(models.BPE(vocabulary, [], unk_token="<|unk|>"))
    letters = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=names[0], unk_token="<|unk|>", extra_special_tokens=names[1:4]
    )
    set_chat_template(letters)
    form = ChatFormat(letters)
    opened = OpenedModel("tiny", tiny_model(len(letters)), letters, form, find_stops(form))
    told = "3 characters of the prompt are unknown to the tokenizer: 龘 😀"
    lines = iter(["龘龘好吗😀", "好吗", "/quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    Chat(opened, ChatSettings(max_new_tokens=2)).run()
    shown = capsys.readouterr().out
    assert f"({told})" in shown
    assert shown.count("unknown") == 1
    monkeypatch.setattr(SampleSettings, "open", lambda _: opened)
    sample.main(["龘龘好吗😀", "max_new_tokens=2", "count=2"])
    assert capsys.readouterr().err.splitlines() == ["tiny: answers", told]
    sample.main(["好吗", "max_new_tokens=2", "raw=true"])
    assert capsys.readouterr().err.splitlines() == ["tiny: continues"]


def test_whole_turns_are_left_out_behind_a_system_prompt_that_is_set_midway(tokenizer) -> None:
    set_chat_template(tokenizer)
    form = ChatFormat(tokenizer)
    talk = Conversation(form)
    for number in range(2):
        talk.ask(f"Say {number}.", room=1000)
        talk.answer(f"{number}")
    talk.set_system("Be kind.")
    last = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Say 2."}]
    left = form.conversation_ids([last[0], *talk.turns[2:], last[1]])
    assert talk.ask("Say 2.", room=len(left)) == (left, 2)
    talk.take_back()
    assert talk.ask("Say 2.", room=len(left) - 1) == (form.conversation_ids(last), 4)
