"""A run as training leaves it, of a model that a test has made."""

from collections.abc import Callable
from pathlib import Path

import yaml
from transformers import PreTrainedTokenizerFast

from pipeline.formats.tokenizers import save_tokenizer, tokenizer_hash
from pipeline.formats.training_artifact import write_initial
from pipeline.store.artifacts import SPEC_FILE
from tests.written_checkpoints import write_checkpoint
from train.checkpoints.final_model import save_model


def write_run(folder: Path, tiny_model: Callable, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A run `base` below the folder, with a finished pretraining and its checkpoints of steps 4 and 8.

    Returns:
        The artifact.
    """
    model, artifact = tiny_model(264), folder / "artifacts" / "pretrain" / "base-1"
    artifact.mkdir(parents=True)
    save_tokenizer(tokenizer, artifact / "tokenizer")
    facts = {"tokenizer": tokenizer_hash(artifact), "eos_id": 0}
    save_model(artifact, dict(model.state_dict()), model.config, 264, **facts)
    write_initial(artifact, "other weights", 264)
    config = {"model": model.config.model_dump(mode="json"), "optim": {"name": "adamw"}}
    spec = {"stage": "pretrain", "plugins": [], "input_fingerprints": {}, "config": config}
    (artifact / SPEC_FILE).write_text(yaml.safe_dump(spec))
    for step in (4, 8):
        write_checkpoint(artifact, step, tiny_model(264, seed=step))
    (folder / "runs" / "base").mkdir(parents=True)
    (folder / "runs" / "base" / "config.yaml").write_text(f"run: {{artifacts: {folder / 'artifacts'}}}\n")
    (folder / "runs" / "base" / "pretrain").symlink_to(artifact)
    return artifact
