"""Compiles and loads a small extension as DeepSpeed does with its own, and prints what it says."""

import ctypes
import logging
import os
import sys

from torch.utils import cpp_extension

from train.strategies.zero.extension_builds import prepare_builds

os.setpgid(0, 0)  # with its compilers
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
prepare_builds()
library = cpp_extension.load("answer", sys.argv[1], is_python_module=False)
print("the answer is", ctypes.CDLL(library).answer())
