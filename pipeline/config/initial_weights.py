"""`pretrain.init`: finds the weights that are named, and takes model and tokenizer from them."""

import importlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.models import ModelConfig
from pipeline.config.named_weights import NamedWeights
from pipeline.errors import UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.formats.hub_models import description_folder
from pipeline.formats.location import Location
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.formats.vocabulary import read_vocabulary
from pipeline.text.counts import counted

HUGGING_FACE = "train.checkpoints.hugging_face"
"""The module whose `model_section` reads a Hugging Face folder: it needs transformers, and is imported where there is
such a folder only."""


def with_initial_weights(values: Mapping[str, Any], typed: Collection[str]) -> Mapping[str, Any]:
    """The configuration with the place of the weights, their model and their tokenizer; as it is where it names none.

    Args:
        typed: keys given on the command line, such as `model.layers`.

    Raises:
        UserError: where there are no such weights, or what was typed contradicts them.
    """
    settings, run = values.get("pretrain"), values.get("run")
    if not isinstance(settings, Mapping) or not isinstance(run, Mapping):
        return values
    init, step = settings.get("init"), settings.get("step")
    if not isinstance(init, str) or not (step is None or isinstance(step, int)):
        return values  # nothing to do, or pydantic says what is wrong
    runs = Path(str(run.get("runs", "runs")))
    named = NamedWeights("pretrain.init", init, runs, runs / str(run.get("name", "")))
    if named.is_on_hub:
        found = named.on_hub()
        folder = description_folder(found, named.place)
        model = importlib.import_module(HUGGING_FACE).model_section(folder)
        return _with(values, typed, init, {**settings, "init": found}, model, folder)
    with_state = bool(settings.get("with_state"))
    place = named.find(step, checkpoint=with_state)
    if with_state:
        place = _with_state(place, init)
    if place.is_artifact:
        model, _ = ArtifactFolder(place.folder).described(place.checkpoint)
        tokenizer = ArtifactFolder(place.folder).tokenizer_artifact / TOKENIZER_FOLDER
    else:
        model = importlib.import_module(HUGGING_FACE).model_section(place.folder)
        tokenizer = place.folder
    found = place.checkpoint.folder if place.checkpoint else place.folder
    return _with(values, typed, init, {**settings, "init": str(found), "step": None}, model, tokenizer)


def _with(
    values: Mapping[str, Any],
    typed: Collection[str],
    init: str,
    settings: Mapping[str, Any],
    model: Mapping[str, Any],
    tokenizer: Path,
) -> Mapping[str, Any]:
    """The configuration with this `pretrain` section, and what the weights say of the others."""
    return {
        **values,
        "pretrain": settings,
        "model": _without_layers(settings, _model(values, typed, model, init)),
        "tokenizer": _tokenizer(values, typed, tokenizer, init),
    }


def _with_state(place: Location, init: str) -> Location:
    """The training checkpoint that has the optimizer's state; the newest one of a finished run."""
    if place.checkpoint is not None:
        return place
    checkpoints = list_checkpoints(place.folder) if place.is_artifact else []
    if not checkpoints:
        raise UserError(
            f"pretrain.with_state: {init} has no training checkpoint, so there is no optimizer's state to go on with; "
            "leave with_state out to start from the weights alone"
        )
    return Location(place.name, place.folder, is_artifact=True, checkpoint=checkpoints[-1])


def _model(
    values: Mapping[str, Any], typed: Collection[str], theirs: Mapping[str, Any], init: str
) -> dict[str, Any]:
    """The weights' own section.

    Raises:
        UserError: where one was typed that is another.
    """
    section = values.get("model")
    family = ModelConfig.choices().get(str(theirs.get(ModelConfig.tag)), ModelConfig)
    free = family.left_open(theirs)
    if contradictions := list(_contradictions(section, typed, theirs, free)):
        raise UserError(
            f"pretrain.init={init} says what the model is, and {', '.join(contradictions)}; leave model settings out, "
            "or train that model from random weights (pretrain.init=null)"
        )
    return {**theirs, **_given(values, typed, "model", free)}


def _without_layers(settings: Mapping[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """The model as it is when `pretrain.prune` has taken its layers out.

    Raises:
        UserError: where none would be left.
    """
    prune, layers = settings.get("prune"), model.get("layers")
    if not isinstance(prune, Mapping) or prune.get("method") != "layers" or not isinstance(layers, int):
        return model
    drop = prune.get("drop", 1)
    if not isinstance(drop, int) or drop < 1:
        return model  # pydantic says what is wrong
    if drop >= layers:
        raise UserError(
            f"pretrain.prune.drop={drop} would leave nothing of a model of {counted(layers, 'layer')}; drop fewer"
            if layers > 1
            else "pretrain.prune.method=layers: the model has a single layer, which cannot be left out; use "
            "method=wanda or magnitude"
        )
    return {**model, "layers": layers - drop}


def _contradictions(
    section: Any, typed: Collection[str], theirs: Mapping[str, Any], free: Collection[str]
) -> Iterator[str]:
    if not isinstance(section, Mapping):
        return
    whole = "model" in typed
    for name, value in section.items():
        asked = f"model.{name}" in typed or (whole and value is not None)
        if asked and name not in free and value != theirs.get(name):
            yield f"model.{name}={value} is not their {theirs.get(name, 'setting')}"


def _given(
    values: Mapping[str, Any], typed: Collection[str], name: str, keys: Iterable[str]
) -> dict[str, Any]:
    """Those of a section's settings that were typed."""
    section = values.get(name)
    return {
        key: section[key]
        for key in keys
        if isinstance(section, Mapping) and key in section and f"{name}.{key}" in typed
    }


def _tokenizer(
    values: Mapping[str, Any], typed: Collection[str], folder: Path, init: str
) -> Mapping[str, Any]:
    """The tokenizer that was named, or else the weights' own.

    Raises:
        UserError: where there is neither.
    """
    named = values.get("tokenizer")
    section: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
    extended = section.get("kind") == "extended"
    if extended and section.get("path") is not None:
        return section
    if not extended and ({"tokenizer", "tokenizer.kind"} & set(typed) or section.get("kind") == "pretrained"):
        return section
    if read_vocabulary(folder) is None:
        raise UserError(
            f"pretrain.init={init}: there is no tokenizer beside the weights, and another one's ids would be random "
            "words to them; name theirs (tokenizer=pretrained tokenizer.path=…)"
        )
    if extended:
        return {**section, "path": str(folder)}
    return {"kind": "pretrained", "path": str(folder), **_given(values, typed, "tokenizer", section)}
