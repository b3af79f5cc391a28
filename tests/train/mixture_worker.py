"""Pretrains on two parts of a corpus, on each rank: `mixture_worker.py INPUTS FOLDER STRATEGY DROPOUT [JSON]`.

JSON holds more arguments of `pretrain`.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.data import DataConfig
from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.probes import ProbesConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.stages import PretrainStage
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.shards import ShardFile, ShardIndex, ShardWriter, token_dtype
from pipeline.formats.tokenizers import save_tokenizer, tokenizer_hash
from pipeline.store.artifacts import MANIFEST, write_json
from pipeline.tracking.tracker import Tracker
from tests.train.conftest import train_tokenizer
from train.pretrain import run

LENGTH, BATCH, STEPS = 16, 4, 40
PHASES = [{"until": 0.5, "weights": {"long": 3, "short": 1}}, {"weights": {"short": 1}}]
DATA = DataConfig(phases=PHASES, packing="best_fit")


def make_inputs(folder: Path) -> None:
    """Shards of two parts, of long and of short documents, and a tokenizer."""
    tokenizer = train_tokenizer(["<|endoftext|>", "<|pad|>"])
    save_tokenizer(tokenizer, folder / "tokenizer" / TOKENIZER_FOLDER)
    shards, random = folder / "shards", np.random.default_rng(1)
    shards.mkdir()
    splits: dict[str, list[ShardFile]] = {"train": [], "validation": []}
    for split, count in (("train", 60), ("validation", 20)):
        for part, size in (("long", 40), ("short", 7)):
            with ShardWriter(shards, f"{split}-{part}-00000", token_dtype(len(tokenizer)), part) as writer:
                for _ in range(count):
                    first, length = random.integers(3, 200), random.integers(size // 2, size)
                    writer.write(np.array([*range(first, first + length), tokenizer.eos_token_id]))
            splits[split].append(writer.file)
    identity = tokenizer_hash(folder / "tokenizer")
    ShardIndex("<u2", len(tokenizer), tokenizer.eos_token_id, identity, splits).save(shards)


def pretrain(
    inputs: Path,
    folder: Path,
    data: DataConfig = DATA,
    strategy: str = "single",
    dropout: float = 0.1,
    init: Path | str | None = None,
    model: ModelConfig | None = None,
    lora: dict[str, Any] | None = None,
    distill: dict[str, Any] | None = None,
    probes: dict[str, Any] | None = None,
    **trainer: Any,
) -> dict[str, Any]:
    """The stage, in this process, as rank `$RANK` of `$WORLD_SIZE`."""
    rank, ranks = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    folder.mkdir(exist_ok=True)
    context = Context(
        folder,
        {name: inputs / name for name in ("shards", "tokenizer")},
        Tracker(folder if rank == 0 else None),
        logging.getLogger("train.test"),
        RunConfig(progress=False, artifacts=str(inputs / "store")),
        rank,
        ranks,
    )
    settings: dict[str, Any] = {
        "steps": STEPS,
        "global_batch": BATCH,
        "devices": ranks,
        "accelerator": "cpu",
        "threads": 1,
        "log_every": 1,
        "validate_every": 20,
        "checkpoint_every": 1,
        "sample_every": 0,
        "record_data": True,
    }
    config = PretrainStage(
        seed=7,
        pretrain=PretrainConfig(
            init=None if init is None else str(init),
            lora=lora,
            distill=distill,
            probes=ProbesConfig(**probes or {}),
        ),
        data=data,
        model=model or DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=LENGTH, dropout=dropout),
        objective=CausalConfig(),
        optim=AdamWConfig(lr=1e-2),
        schedule=CosineSchedule(),
        trainer=TrainerConfig(**(settings | trainer)),
        strategy=StrategyConfig.choose(strategy),
    )
    metrics = run(config, context)
    if rank == 0:
        write_json(folder / MANIFEST, {"config": config.model_dump(mode="json"), "metrics": metrics})
    return metrics


if __name__ == "__main__":
    try:
        inputs, folder, strategy, dropout, *more = sys.argv[1:]
        settings = json.loads(more[0]) if more else {}
        pretrain(Path(inputs), Path(folder), strategy=strategy, dropout=float(dropout), **settings)
    except UserError as error:
        sys.exit(str(error))
