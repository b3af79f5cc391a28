"""A script by its path, as `python SCRIPT WORDS…` runs it: `python -m tests.warm.script SCRIPT WORDS…`."""

import runpy
import sys

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
