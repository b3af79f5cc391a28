"""`python -m pipeline stage=… experiment=… key=value`: Hydra composes here, once, and nowhere else."""

import locale
import os
import shlex
import sys

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from pipeline import ROOT
from pipeline.announce import announce
from pipeline.checkout import check_packages
from pipeline.config.composition import composing, resolved
from pipeline.config.defaults import default_values, group_options
from pipeline.config.help import usage
from pipeline.config.key_names import names_files
from pipeline.config.left_out import left_out_keys, typed_keys
from pipeline.config.origins import Origins
from pipeline.config.overrides import hydra_overrides
from pipeline.config.parsing import parse_config
from pipeline.config.plugins import load_plugins, loaded_plugins, named_plugins
from pipeline.config.root import RootConfig
from pipeline.config.unsplit_lists import unsplit_lists
from pipeline.dryrun import dry_run
from pipeline.errors import UserError, exit_on_user_error
from pipeline.planner import execute, shown_settings
from pipeline.redaction import shown_overrides
from pipeline.show_config import show_config
from pipeline.summary import print_outcomes
from pipeline.typed_command import PROGRAM, to_type

CONF = ROOT / "conf"
NO_EXPERIMENT = (
    "no experiment is named, so demo is taken, with its own corpus; for your text: experiment=own corpus=files "
    "'corpus.paths=[FOLDER]'"
)
DEVICE_LAUNCHERS = {
    "torchrun": ("LOCAL_WORLD_SIZE", "LOCAL_RANK"),
    "mpirun": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
}
"""Those who start a program once for each device, and where they tell it of how many it is which."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(composed: DictConfig) -> None:
    # Inside Hydra, which would print its own traceback. Of a multirun, see pipeline/sweep/driver.py.
    with exit_on_user_error():
        values = resolved(composed)
        values["run"]["command"] = shlex.join([*PROGRAM, *shown_overrides(HydraConfig.get().overrides.task)])
        typed = typed_keys(HydraConfig.get().overrides.task)
        root = parse_config(values, typed)
        for section, key in left_out_keys(RootConfig, values, typed):
            announce(f"{section}.{key} of the experiment stays out: this choice of {section} has no such key")
        if root.show_config:
            origins = Origins.of(GlobalHydra.instance().config_loader(), HydraConfig.get().overrides.task)
            print("\n".join(show_config(shown_settings(root), origins)))
        elif root.dryrun:
            dry_run(root)
        elif outcomes := execute(root, announce):
            print_outcomes(root, outcomes)


def _check_alone() -> None:
    """Raises: UserError: where something started this once for each device: the planner starts the workers itself."""
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1 and "SLURM_STEP_ID" in os.environ:
        raise UserError(
            f"srun started this {os.environ['SLURM_STEP_NUM_TASKS']} times, and each would start all workers: run it "
            "once, without srun, and let launcher=slurm submit the stages"
        )
    for name, (count, rank) in DEVICE_LAUNCHERS.items():
        ranks = int(os.environ.get(count, 1))
        if ranks > 1 and os.environ.get(rank) != "0":
            sys.exit(0)  # the first one says it, and would be ended by another's error before it does
        if ranks > 1:
            given = {word.partition("=")[0].lstrip("+") for word in sys.argv[1:]}
            wanted = {"trainer.devices": ranks, "strategy": "ddp"}
            words = [f"{key}={value}" for key, value in wanted.items() if key not in given]
            raise UserError(
                f"{name} started this {ranks} times, and each would train alone: the pipeline itself starts a worker "
                f"for each device. Give the command once: {to_type(shown_overrides([*sys.argv[1:], *words]))}"
            )


def _speak_utf8() -> None:
    """Start over in Python's UTF-8 mode where the locale has another encoding, or none: text and names of files are
    UTF-8 here, those that workers write and read too."""
    if sys.flags.utf8_mode or locale.getpreferredencoding(False).lower().replace("-", "") == "utf8":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.orig_argv[0], "-X", "utf8", *sys.orig_argv[1:]])


def store_defaults() -> None:
    """Tell Hydra the defaults of all sections, and the choices of those that come in several kinds, except where
    a file has the option's name."""
    store = ConfigStore.instance()
    store.store("schema", node=default_values())
    folders = [CONF, *(folder / "conf" for folder in loaded_plugins().values())]
    for group, option, values in group_options():
        if not any((folder / group / f"{option}.yaml").exists() for folder in folders):
            store.store(option, node=values, group=group)


def options(group: str) -> list[str]:
    """What a group has to choose from, in conf/ and among the stored ones; nothing where there is no such group."""
    stored = ConfigStore.instance().repo.get(group)
    names = {name.removesuffix(".yaml") for name in stored} if isinstance(stored, dict) else set()
    return sorted(names | {file.stem for file in (CONF / group).glob("*.yaml")} if group else names)


def _print(text: str) -> None:
    """As far as somebody reads it: `… | head` does not read on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its end


def start() -> None:
    """Entry point: exit code 2 and one message, without a traceback, for the user's mistakes."""
    _speak_utf8()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # its errors come to us, who say them in our words
    with exit_on_user_error():
        check_packages()
        _check_alone()
        load_plugins(named_plugins(sys.argv[1:], CONF / "experiment"))
        store_defaults()
        if {"--help", "-h"} & set(sys.argv[1:]):
            _print(usage([word for word in sys.argv[1:] if word[:1] != "-" and "=" not in word]))
            return
        if not any(word.partition("=")[0].lstrip("+~") == "experiment" for word in sys.argv[1:]):
            print(NO_EXPERIMENT, file=sys.stderr, flush=True)
        for key, told in unsplit_lists(sys.argv[1:]):
            if not names_files(key):  # of a path that leads nowhere it is told there
                print(told, file=sys.stderr, flush=True)
        sys.argv[1:] = hydra_overrides(sys.argv[1:], options)
        with composing():
            main()


if __name__ == "__main__":
    start()
