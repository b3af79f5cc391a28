"""One of several ranks: `python -m tests.warm.rank MODULE WORDS…` meets the others and runs the module."""

import os
import runpy
import sys
import warnings

from pipeline.launch.slurm.task import join

if __name__ == "__main__":
    store = join(os.environ)  # served for as long as it is kept
    warnings.filterwarnings("ignore", "'pipeline.launch.worker' found in sys.modules", module="runpy")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
