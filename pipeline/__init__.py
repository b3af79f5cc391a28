"""The workflow: configuration, planner, store, launchers; the formats that stages share."""

import os
import sys
from pathlib import Path

_BESIDE = Path(__file__).resolve().parent.parent
_INSTALLED = _BESIDE / "lm_workflow"
ROOT = _INSTALLED if (_INSTALLED / "conf").is_dir() else _BESIDE
"""Where the other packages and `conf/` are: beside this one in a checkout, in a folder of their own in an installation,
where names as general as theirs would meet those of other distributions."""

# First of all, since every program of ours begins with an import of this package.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Before they are imported: in logs, the bars of transformers and datasets are lines without end.
for _variable in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
    os.environ.setdefault(_variable, "1")
