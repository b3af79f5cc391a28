"""Texts that name a module of a folder, such as a metric: the folder says which names there are."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline.config.module_protocols import as_protocol
from pipeline.config.plugins import code_of_module, plugin_folders

P = TypeVar("P")


@dataclass(frozen=True)
class ModuleIn:
    """Marks a text as the name of a module in a folder of ours, or in the folder of that name of a plugin.

    `ModuleIn("eval.metrics")` knows the modules of `eval/metrics/`, and those of `my_lab/metrics/` of a plugin
    `my_lab`. Names are told without importing any.
    """

    package: str
    only_plugins: bool = False
    """Whether modules of our own folder cannot be named, since they are there always."""

    def names(self) -> list[str]:
        return sorted(self._packages())

    def load(self, name: str, protocol: type[P]) -> P:
        """The module of that name.

        Args:
            protocol: what is asked of it.

        Raises:
            UserError: where it lacks something.
        """
        return as_protocol(importlib.import_module(f"{self._packages()[name]}.{name}"), protocol)

    def plugin_code(self, names: list[str]) -> dict[str, str]:
        """Hashes of the plugins' code that modules of these names are from; what is ours has none."""
        codes = {name: code_of_module(self._packages()[name]) for name in names}
        return {f"code of {name}": code for name, code in codes.items() if code}

    def _packages(self) -> dict[str, str]:
        """The package of each module by its name; of two of one name the project's own counts."""
        found: dict[str, str] = {}
        ours = [] if self.only_plugins else [self.package]
        for package in [*plugin_folders(self.package.rpartition(".")[2]), *ours]:
            found |= dict.fromkeys(_modules(package), package)
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, name: str) -> str:
        if name not in self._packages():
            known = ", ".join(self.names()) or "none, without a plugin that brings one"
            raise ValueError(f"there is none of that name; known: {known}")
        return name


def _modules(package: str) -> Iterator[str]:
    spec = find_spec(package)
    for module in pkgutil.iter_modules(spec.submodule_search_locations if spec else []):
        yield module.name
