"""`show_config=true`: the checked configuration as YAML, with what set each value that is not its default."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pipeline.config.differences import Difference, differences
from pipeline.config.origins import Origins
from pipeline.config.root import RootConfig

COMMENT_COLUMN = 44


def show_config(settings: Mapping[str, Any], origins: Origins) -> Iterator[str]:
    """Lines of YAML. What is not the default has a comment: who set it, and what the default is.

    Args:
        settings: the whole configuration as plain values.
    """
    settings = {**settings, "run": {k: v for k, v in settings["run"].items() if k != "command"}}
    settings.pop("show_config")
    differing = {each.key: each for each in differences(RootConfig, settings)}
    yield f"# {len(differing)} values are not their defaults; behind each stands what set it."
    yield from _lines(settings, "", 0, differing, origins)


def _lines(
    tree: Mapping[str, Any], path: str, depth: int, differing: Mapping[str, Difference], origins: Origins
) -> Iterator[str]:
    for name, value in tree.items():
        key, indent = f"{path}{name}", "  " * depth
        nested = isinstance(value, Mapping) and bool(value)
        line = f"{indent}{name}:" + ("" if nested else f" {_written(value)}")
        if difference := differing.get(key):
            line = f"{line:<{COMMENT_COLUMN}}  # {_told(difference, origins[key])}"
        yield line
        if nested:
            yield from _lines(value, f"{key}.", depth + 1, differing, origins)


def _told(difference: Difference, origin: str) -> str:
    default = "" if difference.default is None else f"; the default is {_written(difference.default)}"
    return f"{origin or 'found while it was checked'}{default}"


def _written(value: Any) -> str:
    """On one line, as YAML has it."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
