"""A run's settings as the command to type: with make in a checkout, with `lmw` where the package is installed."""

import re
import shlex
from collections.abc import Sequence

from pipeline import ROOT

PROGRAM = ("python", "-m", "pipeline")
"""With what a command begins as runs keep it."""
TARGETS = {
    "download": "download",
    "clean": "clean-corpus",
    "tokenizer": "tokenizer",
    "shards": "shards",
    "pretrain": "pretrain",
    "finetune": "finetune",
    "evaluate": "evaluate",
    "export": "export",
    "report": "all",
}
"""Of the project's own stages, what make and `lmw` call them."""
DEFAULTS = {"experiment": "demo", "stage": "report"}
"""What a command has that does not say it."""

_PLAIN = re.compile(r"[\w./=,:@%+\[\]-]+")
"""What the shell of the Makefile leaves as it is."""
_BELOW_ROOT = re.compile(rf"(?<![\w./-]){re.escape(str(ROOT))}/(?=[^/\s])")
"""How a path below the checkout begins: make runs in it, so that others who have one can type the rest, too."""


def settings_in(kept: str) -> list[str]:
    """The settings of a command as runs keep it, `python -m pipeline key=value …`."""
    try:
        return shlex.split(kept)[len(PROGRAM) :]
    except ValueError:  # written by hand, with an open quote
        return kept.split()[len(PROGRAM) :]


def to_type(words: Sequence[str]) -> str:
    """The command for these settings, `key=value` each, which works without an activated environment.

    A stage of a plugin and Hydra's own options have no target: these go to the program itself.
    """
    said = DEFAULTS | dict(word.split("=", 1) for word in words if word.startswith(("experiment=", "stage=")))
    rest = [word for word in words if not word.startswith(("experiment=", "stage="))]
    target, checkout = TARGETS.get(said["stage"]), is_checkout()
    if target is None or any(word.startswith("-") or "\n" in word for word in words):
        python = ".venv/bin/python" if checkout and (ROOT / ".venv").is_dir() else "python"
        return shlex.join([python, *PROGRAM[1:], *words])
    if not checkout:
        return shlex.join(["lmw", target, f"experiment={said['experiment']}", *rest])
    rest = [_BELOW_ROOT.sub("", word) for word in rest]
    dry = "dryrun=true" in rest
    command = f"make {'dryrun' if dry else target} EXP={said['experiment']}"
    if dry and said["stage"] != "report":
        command += f" STAGE={said['stage']}"
    settings = " ".join(_in_make(word) for word in rest if word != "dryrun=true")
    return f"{command} ARGS={_quoted(settings)}" if settings else command


def is_checkout() -> bool:
    """Whether this is the project's folder with its Makefile, and no installed package."""
    return (ROOT / "pipeline").is_dir()


def _in_make(word: str) -> str:
    """As the shell of the Makefile reads it back."""
    quoted = word if _PLAIN.fullmatch(word) else _in_double_quotes(word) if "'" in word else f"'{word}'"
    return quoted.replace("$", "$$")


def _quoted(settings: str) -> str:
    """As the user's shell reads it back, in double quotes as people write it; a shell at which one types takes an
    exclamation mark in these for a command of before."""
    return shlex.quote(settings) if "!" in settings else _in_double_quotes(settings)


def _in_double_quotes(text: str) -> str:
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'
