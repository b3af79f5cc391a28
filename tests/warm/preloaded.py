"""What the programs of tests find imported when they start."""

import importlib
import os

from tests.warm.exports import WARM

# Both are read at the imports below.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["DS_ACCELERATOR"] = "cpu"

MODULES = (
    "tests.warm.launcher",  # before the configuration, which may name it
    "data_prep.clean",
    "data_prep.download",
    "data_prep.preflight",
    "data_prep.shards",
    "data_prep.tokenizer",
    "eval.evaluate",
    "eval.preflight",
    "eval.report",
    "pipeline.dryrun",
    "pipeline.planner",
    "pipeline.summary",
    "train.export",
    "train.finetune",
    "train.adapters.lora",
    "train.finetuning.forecast",
    "train.finetuning.preflight",
    "train.finetuning.preferences.reference",
    "train.memory.forecast",
    "train.preflight",
    "train.pretrain",
    "deepspeed",
    "hydra.core.plugins",
    "matplotlib.figure",
    "nltk",
    "pandas",
    "rouge_score.rouge_scorer",
    "sacrebleu",
    "transformers.models.llama.modeling_llama",
    "wandb",
)
for module in MODULES:
    importlib.import_module(module)
vars(importlib.import_module("train.exporting.parity"))["subprocess"] = WARM
importlib.import_module("hydra.core.plugins").Plugins.instance()  # looks through all packages for plugins
