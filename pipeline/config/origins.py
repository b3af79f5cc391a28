"""Where the values of a composed configuration are from: the file, or the command line, that set each last."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.default_element import GroupDefault
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.config.choices import as_kind
from pipeline.config.left_out import typed_keys
from pipeline.config.root import RootConfig

COMMAND_LINE = "command line"
_DEFAULTS = "structured"
"""Begins the path of configurations that were stored, as the sections' defaults are."""


class Origins:
    """What set which key, the last one last."""

    def __init__(self, set_by: Sequence[tuple[str, str]]):
        self._set_by = set_by

    @classmethod
    def of(cls, loader: ConfigLoader, overrides: Sequence[str]) -> "Origins":
        """Of the configuration that Hydra composes with these overrides."""
        assert isinstance(loader, ConfigLoaderImpl)  # the only one that there is
        composed = loader.compute_defaults_list("config", list(overrides), RunMode.RUN).defaults
        found: list[tuple[str, str]] = []
        for part in composed:
            path = part.config_path or ""
            if path.startswith("hydra/") or (loaded := loader.repository.load_config(path)) is None:
                continue
            if not loaded.path.startswith(_DEFAULTS):
                found += [(key, f"conf/{path}.yaml") for key in _keys(loaded, part.package or "")]
        for key in typed_keys(overrides):
            chosen = _tag_key(key) if loader.get_group_options(key) else key
            found += [(chosen, COMMAND_LINE)] if chosen else []
        return cls(found)

    def __getitem__(self, key: str) -> str:
        """What set the key, or something that it is a part of, or that is a part of it; empty where nothing did."""
        for other, origin in reversed(self._set_by):
            if other == key or key.startswith(f"{other}.") or other.startswith(f"{key}."):
                return origin
        return ""


def _keys(loaded: ConfigResult, package: str) -> Iterator[str]:
    """What a file sets, the choices of groups among it."""
    for entry in loaded.defaults_list or ():
        if isinstance(entry, GroupDefault) and entry.group and (tag := _tag_key(entry.group.strip("/"))):
            yield tag
    if isinstance(loaded.config, DictConfig):
        prefix = "" if package in ("", "_global_") else f"{package}."
        yield from _leaves(OmegaConf.to_container(loaded.config, resolve=False), prefix)


def _leaves(tree: Any, prefix: str) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        elif name != "defaults":
            yield f"{prefix}{name}"


def _tag_key(group: str) -> str:
    """The key that says which choice of a section is taken, such as `optim.name`; empty where the group is no such
    section."""
    field = RootConfig.model_fields.get(group)
    kind = as_kind(field.annotation) if field else None
    return f"{group}.{kind.tag}" if kind else ""
