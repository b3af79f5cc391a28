"""What somebody hears who adds a choice and gets it wrong."""

import subprocess
import sys

import pytest

HEAD = """
from typing import ClassVar, Literal, Protocol
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.choices import Choice
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            'class Mine(OptimizerConfig):\n    name: Literal["adamw"] = "adamw"\nOptimizerConfig.choices()',
            "pipeline.config.optimizers.adamw.AdamWConfig and __main__.Mine both have name='adamw'",
        ),
        (
            'class Mine(OptimizerConfig):\n    name: Literal["mine"]\nOptimizerConfig.choices()',
            "the field `name` of __main__.Mine has no default, which is its name",
        ),
        (
            'class Mine(OptimizerConfig):\n    implementation: ClassVar[str] = "x"\nOptimizerConfig.choices()',
            "__main__.Mine has no field `name`, by which it is chosen",
        ),
        (
            'class Mine(OptimizerConfig):\n    name: Literal["mine"] = "mine"\nMine().load(object)',
            "__main__.Mine has no `implementation`",
        ),
        (
            'class Mine(OptimizerConfig):\n    implementation: ClassVar[str] = "train.optim.mine"\n'
            '    name: Literal["mine"] = "mine"\nMine().load(object)',
            "__main__.Mine names train.optim.mine as its `implementation`, and there is no module train.optim.mine",
        ),
        (
            "class Wanted(Protocol):\n    LIMIT: int\n    @staticmethod\n    def build(n: int) -> str: ...\n"
            'class Mine(OptimizerConfig):\n    implementation: ClassVar[str] = "pipeline.text.words"\n'
            '    name: Literal["mine"] = "mine"\nMine().load(Wanted)',
            "pipeline.text.words has no LIMIT, no build; Wanted in __main__ says what such a module needs",
        ),
    ],
)
def test_the_mistake_is_told_with_the_class(body: str, told: str) -> None:
    """In a process of its own, where the class that is wrong is known to nobody else."""
    result = subprocess.run([sys.executable, "-c", HEAD + body], capture_output=True, text=True)
    assert f"UserError: {told}" in result.stderr
