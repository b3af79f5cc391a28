"""What is said on the command lines of the tools."""

import subprocess
import sys

import pytest

from tests.command_line import ROOT

TOLD = """
import sys
from inference import chat, sample, serve
try:
    {call}
finally:
    assert "torch" not in sys.modules
"""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("sample.main(['x', 'temprature=1'])", "did you mean temperature?"),
        ("chat.main(['model=nowhere'])", "there is no model 'nowhere'"),
        ("serve.main(['port=99999'])", "port=99999"),
    ],
)
def test_a_mistake_is_told_before_torch_is_loaded(call: str, message: str) -> None:
    """Which takes seconds."""
    told = subprocess.run(
        [sys.executable, "-c", TOLD.format(call=call)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 2, told.stderr
    assert message in told.stderr
    assert "Traceback" not in told.stderr
