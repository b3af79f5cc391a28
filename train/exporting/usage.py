"""The Python code on a model card that shows how the model is used.

Functions of the folder's name, and of a text in the language of the model's data: see `TrainedModel.example`."""

import json
from collections.abc import Callable

from pipeline.config.evaluation import SamplingConfig

_LOAD = """\
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

{folder}tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
"""
_TURN = """\
turns = [{{"role": "user", "content": {question}}}]
inputs = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
"""


Usage = Callable[[str, str], str]


def continue_a_prompt(template: str = "{source}") -> Usage:
    """A prompt that the model continues.

    Args:
        template: of prompts, which have the source's place in it.
    """

    def usage(folder: str, text: str) -> str:
        prompt = template.replace("{source}", text)
        return _LOAD.format(folder=_named(folder)) + (
            f"prompt = {_literal(prompt)}\n"
            'inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")\n'
            f"{_generate('**inputs')}"
            "print(tokenizer.decode(output[0], skip_special_tokens=True))"
        )

    return usage


def answer_a_turn(*, with_stop_strings: bool) -> Usage:
    """A turn of a chat that the model answers.

    Args:
        with_stop_strings: whether a text ends an answer, for which `generate` needs the tokenizer.
    """
    options = ", tokenizer=tokenizer" if with_stop_strings else ""

    def usage(folder: str, text: str) -> str:
        return (
            _LOAD.format(folder=_named(folder))
            + _TURN.format(question=_literal(text))
            + _generate(f"**inputs{options}")
            + 'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))'
        )

    return usage


def fill_a_mask(mask: str) -> Usage:
    """A text with a gap that the model fills."""

    def usage(folder: str, text: str) -> str:
        given = _literal(f"{text.rstrip()} {mask}")
        return (
            "from transformers import pipeline\n\n"
            f"{_named(folder)}"
            'fill = pipeline("fill-mask", folder)\n'
            f"print(fill({given}))"
        )

    return usage


def classify_a_text(text: str, second: str | None = None, kind: str = "single") -> Usage:
    """A text that the model gives a label, or several, or a number.

    Args:
        second: where it judges two texts together, and the tokenizer puts something between them.
        kind: as of the setting `finetune.kind`.
    """
    given = json.dumps(text if second is None else {"text": text, "text_pair": second}, ensure_ascii=False)
    options = {"multi": ", top_k=None", "regression": ', function_to_apply="none"'}.get(kind, "")

    def usage(folder: str, text: str) -> str:
        return (
            "from transformers import pipeline\n\n"
            f"{_named(folder)}"
            'classify = pipeline("text-classification", folder)\n'
            f"print(classify({given}{options}))"
        )

    return usage


def find_an_answer(between: str, max_answer: int) -> Usage:
    """A question about a text.

    Args:
        between: what stands between question and text, and behind it; empty where the tokenizer puts something there.
        max_answer: longest answer in tokens.
    """

    def usage(folder: str, text: str) -> str:
        question, context = '"Where did Ada live?"', '"Ada Lovelace lived in London."'
        if not between:
            return (
                "from transformers import pipeline\n\n"
                f"{_named(folder)}"
                f'answer = pipeline("question-answering", folder, max_answer_len={max_answer})\n'
                f"print(answer(question={question}, context={context}))"
            )
        end = _literal(between)
        return (
            "from transformers import AutoModelForQuestionAnswering, AutoTokenizer\n\n"
            f"{_named(folder)}between = {end}\n"
            "tokenizer = AutoTokenizer.from_pretrained(folder)\n"
            "model = AutoModelForQuestionAnswering.from_pretrained(folder)\n"
            f"question, context = {question}, {context}\n"
            'inputs = tokenizer(question + between + context + between, return_tensors="pt")\n'
            "first = len(tokenizer(question + between).input_ids)\n"
            "found = model(**inputs)\n"
            "starts, ends = found.start_logits[0, first:-1], found.end_logits[0, first:-1]\n"
            "places = range(len(starts))\n"
            f"spans = [(starts[a] + ends[b], a, b) for a in places for b in places if a <= b < a + {max_answer}]\n"
            "_, start, end = max(spans)\n"
            'print(tokenizer.decode(inputs["input_ids"][0, first + start : first + end + 1]))'
        )

    return usage


def tag_words(at: str) -> Usage:
    """Words that the model tags.

    Args:
        at: `first` or `last`: the token of a word that gives its tag.
    """
    place = "tokens[0]" if at == "first" else "tokens[-1]"

    def usage(folder: str, text: str) -> str:
        return (
            "import re\n\nfrom transformers import AutoModelForTokenClassification, AutoTokenizer\n\n"
            f"{_named(folder)}"
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


def load_with_this_project(folder: str, text: str) -> str:
    """For a model that no class of transformers computes."""
    return (
        "# This architecture has no class in transformers. In a checkout of the project that trained it, where this\n"
        "# folder lies as FOLDER/model:\n"
        "from pathlib import Path\n"
        "from train.checkpoints.final_model import load_model\n\n"
        'model = load_model(Path("FOLDER"))'
    )


def load_related(folder: str, text: str) -> str:
    """A text whose two marked parts are related by the states at their markers."""
    return (
        "# A head of two markers has no class in transformers. In a checkout of this project, where this folder lies\n"
        "# as FOLDER/model:\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from transformers import AutoTokenizer\n"
        "from train.finetuning.relations.loading import load_related\n\n"
        'model = load_related(Path("FOLDER"))\n'
        'text = "[E1]Ada Lovelace[/E1] lived in [E2]London[/E2]."\n'
        'ids = AutoTokenizer.from_pretrained("FOLDER/model")(text, return_tensors="pt").input_ids\n'
        "print(model.labels[model(ids, torch.tensor([ids.size(1)])).argmax()])"
    )


def judge_by_several_heads(task: str) -> Usage:
    """Hidden states that the heads of several tasks judge, one of them named."""

    def usage(folder: str, text: str) -> str:
        return (
            "# Several heads on one body have no class in transformers. In a checkout of this project, where this\n"
            "# folder lies as FOLDER/model:\n"
            "from pathlib import Path\n"
            "import torch\n"
            "from transformers import AutoTokenizer\n"
            "from train.finetuning.multi.model import load_multi\n\n"
            'model = load_multi(Path("FOLDER"))\n'
            'ids = AutoTokenizer.from_pretrained("FOLDER/model")("A text.", return_tensors="pt").input_ids\n'
            f"print(model.part({json.dumps(task)})(ids, torch.tensor([ids.size(1)])))"
        )

    return usage


def write_to_a_source(template: str = "{source}", *, frames_itself: bool = False) -> Usage:
    """A source that an encoder–decoder writes a target to.

    Args:
        template: of prompts, which have the source's place in it.
        frames_itself: the tokenizer puts special tokens around a text; else eos is to be written behind it.
    """
    end, options = ("", "") if frames_itself else (" + tokenizer.eos_token", ", add_special_tokens=False")

    def usage(folder: str, text: str) -> str:
        return _LOAD.replace("ForCausalLM", "ForSeq2SeqLM").format(folder=_named(folder)) + (
            f"source = {_literal(template.replace('{source}', text))}{end}\n"
            f'inputs = tokenizer(source{options}, return_tensors="pt")\n'
            + _generate('inputs["input_ids"], attention_mask=inputs["attention_mask"]')
            + "print(tokenizer.decode(output[0], skip_special_tokens=True))"
        )

    return usage


def fill_gaps(folder: str, text: str) -> str:
    """A text with a gap that an encoder–decoder fills."""
    usage = write_to_a_source()(folder, f"{text.rstrip()} <extra_id_0>")
    return usage.replace(", skip_special_tokens=True", "")


def _generate(inputs: str) -> str:
    """Tokens are drawn as `make sample` draws them where nothing else is said: a small model's likeliest text goes in
    circles.

    Args:
        inputs: the arguments that say what the model reads.
    """
    chosen = SamplingConfig()
    return (
        "set_seed(1)  # another number gives another text; do_sample=False always takes the likeliest token\n"
        f"output = model.generate({inputs}, do_sample=True, temperature={chosen.temperature}, "
        f"top_k={chosen.top_k or 0}, top_p={chosen.top_p})\n"
    )


def _named(folder: str) -> str:
    return f"folder = {_literal(folder)}  # this folder, if Python runs in it; else its path\n"


def _literal(text: str) -> str:
    """As Python code has it."""
    return json.dumps(text, ensure_ascii=False)
