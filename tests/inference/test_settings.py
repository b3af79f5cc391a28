"""What is said on the command lines of the tools."""

import subprocess
import sys

import pytest

from eval.compare import CompareSettings
from eval.rate import RateSettings
from inference.serve import ServeSettings
from inference.settings import ChatSettings, SampleSettings
from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
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
        (
            "chat.main(['model=demo／pretrain'])",
            "Face folder; there is a full-width ／ here; type the ASCII /, unless the name really contains it",
        ),
        ("serve.main(['port=99999'])", "port=99999"),
        ("chat.main(['run.runs=/no/runs'])", "no run below /no/runs has a model yet"),
        ("sample.main(['x', 'runs=/no/runs'])", "no run below /no/runs has a model yet"),
        (
            "serve.main(['run.artifacts=/no/store'])",
            "run.artifacts is not needed: a run's folder leads to its",
        ),
        ("serve.main(['port＝8001'])", "port＝8001: there is a full-width ＝ here; type the ASCII ="),
        (
            "sample.main(['x', 'count=2，temperature=0'])",
            "settings are separated by spaces, without commas between them: count=2 temperature=0",
        ),
        ("sample.main(['x', 'count=2,temperature=0'])", "without commas between them: count=2 temperature=0"),
        ("sample.main(['x', 'count=2；', 'seed=1'])", "without semicolons between them: count=2"),
        ("sample.main(['x', 'count=2　seed=1'])", "full-width spaces between them: count=2 seed=1"),
        ("sample.main(['x', 'count', '=', '2'])", "no spaces stand around the = of a setting: count=2"),
        ("serve.main(['port=８００１x'])", "port=８００１x: there are full-width ８ ０ １ here"),
        ("serve.main(['ｐort=8001'])", "ｐort is no key; there is a full-width ｐ here; type the ASCII p"),
        (
            "sample.main(['x', 'count', '=', '2', 'sed', 'tempe,'])",
            "of a setting: count=2\n  - 'sed' is no setting: write key=value, such as max_new_tokens=…\n  - 'tempe,'",
        ),
        ("chat.main(['run.name=a'])", "run is no key"),
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


@pytest.mark.parametrize("tool", [SampleSettings, ChatSettings, ServeSettings, CompareSettings, RateSettings])
def test_help_has_a_sentence_for_each_key(tool: type[Section]) -> None:
    lines = usage(tool).splitlines()
    for name, field in tool.model_fields.items():
        [line] = [line for line in lines if line.startswith(f"  {name}=")]
        assert field.description is not None, name
        assert line.split(maxsplit=1)[1].strip().endswith("."), line


def test_a_text_may_have_commas_and_other_settings_signs() -> None:
    settings = read_settings(ChatSettings, ["system=你好， x=1，", "stop=，"])
    assert (settings.system, settings.stop) == ("你好， x=1，", ["，"])
