"""The Python code on a model card that shows how the model is used: functions of the folder's name."""

import json
from collections.abc import Callable

_LOAD = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = {folder}  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
"""
_TURN = """\
turns = [{"role": "user", "content": "What is a language model?"}]
inputs = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
"""


def continue_a_prompt(prompt: str) -> Callable[[str], str]:
    """A prompt that the model continues."""

    def usage(folder: str) -> str:
        return _LOAD.format(folder=json.dumps(folder, ensure_ascii=False)) + (
            f"prompt = {json.dumps(prompt, ensure_ascii=False)}\n"
            'inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")\n'
            "output = model.generate(**inputs)\n"
            "print(tokenizer.decode(output[0], skip_special_tokens=True))"
        )

    return usage


def answer_a_turn(*, with_stop_strings: bool) -> Callable[[str], str]:
    """A turn of a chat that the model answers.

    Args:
        with_stop_strings: whether a text ends an answer, for which `generate` needs the tokenizer.
    """
    options = ", tokenizer=tokenizer" if with_stop_strings else ""

    def usage(folder: str) -> str:
        return (
            _LOAD.format(folder=json.dumps(folder, ensure_ascii=False))
            + _TURN
            + f"output = model.generate(**inputs{options})\n"
            + 'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))'
        )

    return usage


def classify_a_text(folder: str) -> str:
    """A text that the model gives a label."""
    return (
        "from transformers import pipeline\n\n"
        f'classify = pipeline("text-classification", {json.dumps(folder, ensure_ascii=False)})  # this folder\n'
        'print(classify("A text to classify."))'
    )


def tag_words(at: str) -> Callable[[str], str]:
    """Words that the model tags.

    Args:
        at: `first` or `last`: the token of a word that gives its tag.
    """
    place = "tokens[0]" if at == "first" else "tokens[-1]"

    def usage(folder: str) -> str:
        return (
            "import re\n\nfrom transformers import AutoModelForTokenClassification, AutoTokenizer\n\n"
            f"folder = {json.dumps(folder, ensure_ascii=False)}  # this folder\n"
            "tokenizer = AutoTokenizer.from_pretrained(folder)\n"
            "model = AutoModelForTokenClassification.from_pretrained(folder)\n"
            'text = "Ada Lovelace lived in London ."\n'
            'inputs = tokenizer(text, return_tensors="pt")\n'
            "tags = model(**inputs).logits[0].argmax(-1).tolist()\n"
            'for word in re.finditer(r"\\S+", text):\n'
            "    tokens = [inputs.char_to_token(place) for place in range(*word.span())]\n"
            f"    print(word[0], model.config.id2label[tags[{place}]])"
        )

    return usage


def load_with_this_project(folder: str) -> str:
    """For a model that no class of transformers computes."""
    return (
        "# This architecture has no class in transformers. In a checkout of the project that trained it, where this\n"
        "# folder lies as FOLDER/model:\n"
        "from pathlib import Path\n"
        "from train.checkpoints.final_model import load_model\n\n"
        'model = load_model(Path("FOLDER"))'
    )


def write_to_a_source(source: str) -> Callable[[str], str]:
    """A source that an encoder–decoder writes a target to."""

    def usage(folder: str) -> str:
        return _LOAD.replace("ForCausalLM", "ForSeq2SeqLM").format(
            folder=json.dumps(folder, ensure_ascii=False)
        ) + (
            f"source = {json.dumps(source, ensure_ascii=False)} + tokenizer.eos_token\n"
            'inputs = tokenizer(source, add_special_tokens=False, return_tensors="pt")\n'
            'output = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"])\n'
            "print(tokenizer.decode(output[0], skip_special_tokens=True))"
        )

    return usage


def fill_gaps(folder: str) -> str:
    """A text with gaps that an encoder–decoder fills."""
    usage = write_to_a_source("The <extra_id_0> of the <extra_id_1>.")(folder)
    return usage.replace(", skip_special_tokens=True", "")
