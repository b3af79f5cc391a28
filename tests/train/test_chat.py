"""Prompts and responses as text."""

import pytest

from pipeline.errors import UserError
from train.chat import ChatFormat, TextFormat, set_chat_template, stop_token_ids

QUESTION, ANSWER = "What is the capital of France?", "Paris."


def test_markers_where_the_tokenizer_has_them(chat_tokenizer):
    set_chat_template(chat_tokenizer)
    form = ChatFormat(chat_tokenizer)
    assert form.prompt(QUESTION) == f"<|user|>{QUESTION}<|end|><|assistant|>"
    assert form.response(QUESTION, ANSWER) == "Paris.<|end|>"
    ids = chat_tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|end|>"])
    assert stop_token_ids(chat_tokenizer, form) == sorted(ids)


def test_text_where_it_has_none(plain_tokenizer):
    vocabulary = len(plain_tokenizer)
    set_chat_template(plain_tokenizer)
    form = ChatFormat(plain_tokenizer)
    assert form.prompt(QUESTION) == f"### User:\n{QUESTION}\n\n### Assistant:\n"
    assert form.response(QUESTION, ANSWER) == "Paris.<|endoftext|>"
    assert stop_token_ids(plain_tokenizer, form) == [plain_tokenizer.eos_token_id]
    assert len(plain_tokenizer) == vocabulary


@pytest.mark.parametrize("kind", ["chat_tokenizer", "plain_tokenizer"])
def test_equals_the_saved_tokenizers_own_template(kind, request, tmp_path):
    """What we train on is what a user of the saved tokenizer gets, in several turns too."""
    from transformers import AutoTokenizer

    tokenizer = request.getfixturevalue(kind)
    set_chat_template(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)
    form = ChatFormat(tokenizer)
    user, answer = {"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}
    prompt, response = form.prompt(QUESTION), form.response(QUESTION, ANSWER)
    ours = [tokenizer(text, add_special_tokens=False).input_ids for text in (prompt, response)]
    assert saved.apply_chat_template([user], add_generation_prompt=True, return_dict=False) == ours[0]
    whole = saved.apply_chat_template([user, answer], return_dict=False)
    assert whole[: len(ours[0]) + len(ours[1])] == ours[0] + ours[1]
    longer = saved.apply_chat_template([user, answer, user], add_generation_prompt=True, tokenize=False)
    assert longer.startswith(prompt + response)
    assert longer.endswith(prompt)


def test_an_outside_template_is_kept(plain_tokenizer):
    theirs = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}[/{{ m.role }}]\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    plain_tokenizer.chat_template = theirs
    set_chat_template(plain_tokenizer)
    form = ChatFormat(plain_tokenizer)
    assert plain_tokenizer.chat_template == theirs
    assert form.prompt("Hi") == "[user]Hi[/user]\n[assistant]"
    assert form.response("Hi", "Hello") == "Hello[/assistant]"


def test_an_outside_template_without_an_end_gets_eos(plain_tokenizer):
    plain_tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    assert ChatFormat(plain_tokenizer).response("Hi", "Hello") == "Hello<|endoftext|>"


def test_an_outside_template_that_refuses_a_user_is_explained(plain_tokenizer):
    plain_tokenizer.chat_template = "{{ raise_exception('tools only') }}"
    with pytest.raises(UserError, match="tools only"):
        ChatFormat(plain_tokenizer).prompt("Hi")
    plain_tokenizer.chat_template = "{{ messages[-1].content }}{% if add_generation_prompt %}!{% endif %}"
    with pytest.raises(UserError, match="cannot be told from the prompt"):
        ChatFormat(plain_tokenizer).response("Hi", "Hello")


def test_text_to_text(plain_tokenizer):
    form = TextFormat(plain_tokenizer)
    assert form.prompt("Long {story}.") == "Long {story}.\n\nTL;DR:"
    assert form.response("Long story.", "Short.") == " Short.<|endoftext|>"
    form = TextFormat(plain_tokenizer, "English: {source}\nFrench:\n")
    assert form.prompt("a dog") == "English: a dog\nFrench:\n"
    assert form.response("a dog", "un chien") == "un chien<|endoftext|>"
