"""The command `lmw`: what the Makefile does, from any folder. `lmw pretrain experiment=own trainer.steps=500`."""

import runpy
import sys

from pipeline.stages import STAGES
from pipeline.text.nearest import did_you_mean

_SAME = {"clean-corpus": "clean", "train": "pretrain", "eval": "evaluate", "data": "shards"}
"""What else stages are called."""
_RUNS = {
    "demo": (["experiment=demo", "stage=report"], "all stages on a built-in corpus: CPU, offline, minutes"),
    "all": (["stage=report"], "every stage of an experiment, up to the report"),
    "dryrun": (["dryrun=true"], "what a run would do and need; nothing is started"),
    "config": (["show_config=true"], "print the checked configuration and what set it; run nothing"),
    "sweep": (["--multirun"], "runs over several values of some keys, or sweep=lr_wd"),
}
_PROGRAMS = {
    "checkpoints": ("pipeline.checkpoints", "list the training checkpoints"),
    "sample": ("inference.sample", 'what a model makes of a prompt: lmw sample "Once upon a time"'),
    "serve": ("inference.serve", "serve a model over HTTP, as OpenAI does, with a page to chat in"),
    "chat": ("inference.chat", "talk to a model in the terminal"),
    "trace": ("inference.trace", "which training documents hold a text, and which steps read it"),
    "publish": (
        "inference.publish",
        "send the export to the Hugging Face hub: lmw publish me/name send=true",
    ),
    "compare": ("eval.compare", "runs beside each other, with significance: lmw compare first second …"),
    "watch": ("eval.watch", "a run's report while it is made, in the browser"),
    "rate": ("eval.rate", "a page on which people judge the texts of one or two runs"),
    "show": ("data_prep.show", "a page of a dump beside its text"),
}


def main() -> None:
    """Run one command; exits with its code."""
    name, words = (sys.argv[1], sys.argv[2:]) if sys.argv[1:] else ("help", [])
    if name in ("help", "-h", "--help"):
        print(usage())
        return
    if name in _PROGRAMS:
        sys.argv = [f"lmw {name}", *words]
        runpy.run_module(_PROGRAMS[name][0], run_name="__main__")
        return
    stage = _SAME.get(name, name)
    if stage in STAGES:
        added = [f"stage={stage}"]
    elif name in _RUNS:
        added = _RUNS[name][0]
    else:
        near = did_you_mean(name, [*STAGES, *_SAME, *_RUNS, *_PROGRAMS]) or "`lmw help` lists them"
        sys.exit(f"error: lmw {name}: no such command; {near}")
    # Hydra wants its own options behind the overrides.
    overrides = [word for word in added if "=" in word]
    sys.argv = ["lmw", *overrides, *words, *(word for word in added if "=" not in word)]
    from pipeline.__main__ import start

    start()


def usage() -> str:
    """What `lmw help` prints."""
    rows = {name: f"bring the stage {name} up to date, with all that it needs" for name in STAGES}
    rows |= {name: what for name, (_, what) in {**_RUNS, **_PROGRAMS}.items()}
    lines = [f"  {name:<12} {what}" for name, what in rows.items()]
    return "\n".join(["lmw COMMAND [experiment=NAME] [group=option] [key=value …]", "", *lines])
