"""What ranks of tests find imported when they start: see `tests/forked_ranks.py`."""

import os

# Both are read at the imports below.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["DS_ACCELERATOR"] = "cpu"

import deepspeed  # noqa: F401

import train.finetune
import train.pretrain  # noqa: F401
