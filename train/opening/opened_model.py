"""A trained model with all that talking to it needs: its tokenizer, how prompts are written, where texts end."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.config.models.base import READINGS
from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.location import Location, find_model
from pipeline.formats.model_folder import read_object, weight_files
from pipeline.formats.unknown_text import unknown_text
from train.finetuning.artifact import TASK_FILE, read_task
from train.finetuning.chat import ChatFormat, PromptFormat, find_stops
from train.finetuning.written_text import WrittenText
from train.generation.stops import Stops
from train.models import WritingModel, as_writing_model
from train.objectives import Objective, build_objective
from train.opening.artifact import TrainingArtifact
from train.products import use_fastest_products

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class OpenedModel:
    """A language model that is ready to write."""

    name: str
    model: WritingModel
    """In evaluation mode."""
    tokenizer: "PreTrainedTokenizerFast"
    form: PromptFormat | None
    """How the prompts were written that it was tuned on; None where it only continues texts."""
    stops: Stops
    """What ends a text, or an answer where there is a form."""
    objective: Objective | None = None
    """What it was pretrained by, where it was by this project and not tuned."""

    @cached_property
    def _control(self) -> ControlTokens:
        return ControlTokens.of(self.tokenizer)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text to be continued: a special token that it spells is read as the characters that it is,
        unless the objective has a use for it."""
        if self.objective is not None:
            return self.objective.encode_prompt(text)
        return self._control.encode_texts([text])[0]

    def describe_unknown(self, text: str) -> str:
        """What of a prompt the tokenizer does not know, in words; empty where it knows all of it."""
        texts = [text] if self.objective is None else self.objective.read_as_text(text)
        return unknown_text(self._control, texts).describe("the prompt")

    @property
    def is_of_conversations(self) -> bool:
        """Whether it answers turns of a conversation; else `chat` refuses."""
        return isinstance(self.form, ChatFormat)

    @property
    def chat(self) -> ChatFormat:
        """How turns of a conversation are written.

        Raises:
            UserError: where the model was not trained on any.
        """
        if not isinstance(self.form, ChatFormat):
            raise UserError(
                f"{self.name} has no chat template, since it was not trained on conversations: it continues texts "
                "(make sample). Fine-tune it with finetune=instruct, or name another model"
            )
        return self.form


def open_model(
    name: str | None = None,
    step: int | None = None,
    runs: Path = Path("runs"),
    device: str | torch.device = "auto",
) -> OpenedModel:
    """Open a model by what `find_model` knows it by. No code that lies in a folder is run, and no pickle is read.

    Args:
        device: `auto` takes a GPU where there is one.

    Raises:
        UserError: where there is no such model, it is damaged, or it writes no text.
    """
    use_fastest_products()
    place = find_model(name, step, runs)
    opened = _open_artifact(place) if place.is_artifact else _open_folder(place)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    opened.model.to(device).eval()
    opened.model.lay_out_for_generation()
    return opened


def _open_artifact(place: Location) -> OpenedModel:
    artifact = TrainingArtifact(place.folder)
    tokenizer = artifact.tokenizer
    form: PromptFormat | None
    form, stops = _by_own_template(tokenizer)  # of one that went on from a model that chats
    objective: Objective | None = None
    if (place.folder / TASK_FILE).is_file():
        _ = artifact.spec  # plugins may bring the task
        task, facts = read_task(place.folder)
        if not task.scores_text:
            raise UserError(
                f"{place.name} is fine-tuned to the task {facts['task']!r} and writes no text; the model before is "
                f"{artifact.model_before(place.name)}"
            )
        if isinstance(task, WrittenText):
            form = task.trained_format(tokenizer, facts)
            stops = Stops(facts["stop_token_ids"], facts["stop_strings"])
    else:
        section = artifact.objective
        objective = None if section is None else build_objective(section, tokenizer, 0)
    model = artifact.load(place.checkpoint)
    if not isinstance(model, WritingModel):  # of another objective than the causal one
        raise UserError(
            f"{place.name} writes no text: its model does not read from left to right; name another model"
        )
    return OpenedModel(place.name, model, tokenizer, form, stops, objective)


def _open_folder(place: Location) -> OpenedModel:
    from train.finetuning.base_model import base_in_folder

    if pickles := [file for file in weight_files(place.folder) if file.suffix == ".bin"]:
        raise UserError(
            f"{place.folder} holds its weights as a pickle ({pickles[0].name}), and only safetensors are read here; "
            "convert it where you trust it: AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)"
        )
    base = base_in_folder(place.folder, "model")
    if base.config.reading == "bidirectional":
        raise UserError(
            f"{place.name} writes no text: its model {READINGS[base.config.reading]}, and fills gaps or is a base for "
            "fine-tuning (finetune.init); name another model"
        )
    form, found = _by_own_template(base.tokenizer)
    generation = read_object(place.folder / "generation_config.json")
    ids = {*found.ids, *_as_list(generation.get("eos_token_id"))}
    texts = dict.fromkeys([*found.texts, *_as_list(generation.get("stop_strings"))])
    return OpenedModel(
        place.name, as_writing_model(base.load()), base.tokenizer, form, Stops(sorted(ids), list(texts))
    )


def _by_own_template(tokenizer: "PreTrainedTokenizerFast") -> tuple[PromptFormat | None, Stops]:
    """How prompts are written by the tokenizer's chat template, and what ends an answer; without one a text ends at
    eos."""
    if not tokenizer.chat_template:
        return None, Stops([tokenizer.eos_token_id])
    form = ChatFormat(tokenizer)
    return form, find_stops(form)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
