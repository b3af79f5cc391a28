"""Compiles and loads a small extension as DeepSpeed does with its own, and prints what it says."""

import ctypes
import logging
import sys

from torch.utils import cpp_extension

from train.strategies.zero.extension_builds import prepare_builds

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
prepare_builds()
library = cpp_extension.load("answer", sys.argv[1], is_python_module=False)
print("the answer is", ctypes.CDLL(library).answer())
