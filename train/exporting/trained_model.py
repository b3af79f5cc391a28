"""A trained model as export, the comparison with transformers and the model card see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from pipeline.context import Context
from pipeline.formats.documents import read_texts
from pipeline.store.artifacts import MANIFEST, read_json
from train.checkpoints.final_model import load_model
from train.exporting.card import Card
from train.generation.openings import first_words
from train.generation.stops import Stops
from train.models import ConfigFields, TrainableModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_NEW_TOKENS = 256
"""What `generate` writes at most, unless it is told otherwise."""


@dataclass(frozen=True)
class TrainedModel:
    """A language model. A task whose model is none has a subclass that says what is otherwise."""

    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    """The class of transformers that reads the exported folder."""
    output: ClassVar[str] = "logits"
    """What that class calls the numbers that are compared."""
    unknown_to_transformers: ClassVar[str] = ""
    """What is told to have no class there, where that is not the model's family."""
    writes: ClassVar[bool] = True
    """Whether it continues a prompt: then what it writes is compared, and it has a generation config."""

    artifact: Path
    model: Any
    tokenizer: "PreTrainedTokenizerFast"
    card: Card
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What task.json says; nothing of a pretrained model."""

    @property
    def body(self) -> TrainableModel:
        """The model of the `model` section, without what the task has put on it."""
        return self.model

    @property
    def stops(self) -> Stops:
        ids = self.facts.get("stop_token_ids", [self.tokenizer.eos_token_id])
        return Stops(ids, self.facts.get("stop_strings", []))

    def reload(self, artifact: Path) -> TrainableModel:
        """A model of this kind, read from another folder by this project's own loader."""
        return load_model(artifact)

    def texts(self, context: Context, most: int) -> list[str]:
        """Real texts to compare two models on: of the splits that are held out, where they have enough."""
        documents = context.inputs["clean"] / "documents"
        splits = (read_texts(documents, split, most) for split in ("validation", "test", "train"))
        return list(islice(chain.from_iterable(splits), most))

    def example(self, context: Context) -> str:
        """A short text for the model card's code, in the language of the data: the run's own prompt, else how a text
        begins that is held out."""
        if "evaluate" in context.inputs:
            evaluate = context.inputs["evaluate"]
            config = read_json(evaluate / MANIFEST, evaluate).get("config", {})
            if prompts := config.get("evaluate", {}).get("prompts"):
                return str(prompts[0])
        return first_words(next(iter(self.texts(context, 1)), "The "))

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        """Token ids to compare two models on, from those of some texts.

        Args:
            window: tokens in a row, at most.
            most: rows.
            most_logits: numbers that the model may give for all rows together.
        """
        # As in training: documents one after the other, each closed by eos.
        stream = [id for ids in texts for id in (*ids, self.tokenizer.eos_token_id)]
        window = min(window, len(stream))
        count = min(most, len(stream) // window, max(1, most_logits // (window * self.model.vocab_size)))
        return [stream[start : start + window] for start in range(0, count * window, window)]

    def inputs(self, rows: list[list[int]]) -> dict[str, list[list[int]]]:
        """The arguments with which the class of transformers gives the logits of these rows: each of one length."""
        width, pad = max(map(len, rows)), self.tokenizer.pad_token_id
        pad = self.tokenizer.eos_token_id if pad is None else pad
        return {
            "input_ids": [[*row, *[pad] * (width - len(row))] for row in rows],
            "attention_mask": [[1] * len(row) + [0] * (width - len(row)) for row in rows],
        }

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        """fp32 [rows, …] for token ids [rows, T], padded at the right."""
        return torch.cat([model(row[None]) for row in rows]).float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        """The fields of config.json; None where the class of transformers computes something else than the model.

        Args:
            fields: those of the body.
        """
        return fields

    def finish_weights(self, weights: Path) -> None:
        """Give the task's own layers the names that they have in the class of transformers.

        Args:
            weights: the safetensors file in the exported folder.
        """

    def generation_fields(self, fields: ConfigFields) -> ConfigFields:
        """The fields of generation_config.json."""
        generation = {name: fields[name] for name in ("bos_token_id", "pad_token_id")}
        generation["eos_token_id"] = self.stops.ids
        _, generation["max_new_tokens"] = self.model.share_context(MAX_NEW_TOKENS)
        if self.stops.texts:
            generation["stop_strings"] = self.stops.texts
        return generation
