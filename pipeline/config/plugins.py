"""Packages of the user's own that bring models, optimizers, … without a change to this project: `plugins=[my_lab]`.

What a plugin brings registers as ours does: a section is a subclass of its kind (`pipeline/config/choices.py`), and
what has no section is a module in a folder named as ours. So importing the package is all that it takes; it must
import the modules that hold its sections, and should leave torch to the modules that these name.
"""

import hashlib
import importlib
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml

from pipeline.config.base import all_sections
from pipeline.config.choices import kinds
from pipeline.errors import UserError

VARIABLE = "LM_PLUGINS"
"""Environment variable with the names of plugins, separated by commas."""
_NAME = re.compile(r"[A-Za-z_]\w*")

_loaded: dict[str, Path] = {}
"""Folders of the plugins, by name."""


def named_plugins(words: Sequence[str], experiments: Path) -> list[str]:
    """Plugins that the environment, the experiment's file and the command line name, before Hydra composes: it must
    know the options that they bring.

    Args:
        words: of the command line, such as `plugins=[my_lab]`.
        experiments: the folder with a file for each experiment.
    """
    given = [word.lstrip("+").partition("=") for word in words]
    values = {key: value for key, _, value in given}
    named = _NAME.findall(os.environ.get(VARIABLE, "")) + _NAME.findall(values.get("plugins", ""))
    file = experiments / f"{values.get('experiment', '')}.yaml"
    if file.is_file():
        named += (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("plugins", [])
    return list(dict.fromkeys(named))


def load_plugins(names: Iterable[str]) -> None:
    """Import the packages, so that all they bring is known.

    Raises:
        UserError: where one cannot be imported.
    """
    new = [name for name in names if name not in _loaded]
    for name in new:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise UserError(
                f"plugins: the package {name!r} cannot be imported ({type(error).__name__}: {error}); install it into "
                "this environment, or put its folder's parent into PYTHONPATH"
            ) from error
        if not getattr(module, "__path__", None):
            raise UserError(f"plugins: {name!r} is a single module; a plugin is a package, a folder")
        _loaded[name] = Path(next(iter(module.__path__)))
    if not new:
        return
    # Those with a field of a kind that has new choices now; the kinds themselves behind what they hold.
    for section in [*all_sections(), *kinds()]:
        section.model_rebuild(force=True)


def loaded_plugins() -> dict[str, Path]:
    """The plugins' folders by their names, in the order in which they were loaded."""
    return dict(_loaded)


def plugin_folders(folder: str) -> list[str]:
    """The subpackages of that name that plugins have, such as `my_lab.metrics`."""
    return [f"{name}.{folder}" for name in _loaded if find_spec(f"{name}.{folder}") is not None]


def code_of(kind: type) -> str | None:
    """A hash of the whole code of the plugin that a class is from; None where it is ours."""
    return code_of_module(kind.__module__)


def code_of_module(module: str) -> str | None:
    """A hash of the whole code of the plugin that a module is from; None where it is ours."""
    name = module.partition(".")[0]
    return _hash_code(_loaded[name]) if name in _loaded else None


@cache
def _hash_code(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
