"""What Hydra and omegaconf say of a configuration that they cannot compose, as messages of ours."""

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.errors import UserError, first_line
from pipeline.text.counts import counted
from pipeline.text.nearest import did_you_mean, one_of

_COMPOSERS = ("hydra", "omegaconf", "antlr4", "yaml")
_NOT_FOUND = re.compile(r"Interpolation key '([^']*)' not found")
_NOT_SET = re.compile(r"Environment variable '([^']*)' not found")
_FURTHER_LINES = re.compile(
    r"^(\s*(full_key|object_type|reference_type)[:=]|See https://hydra|Config search path|\s+provider=)"
)


@contextmanager
def composing() -> Generator[None]:
    """Around Hydra's own work.

    Raises:
        UserError: for whatever Hydra, omegaconf or the YAML reader raise inside.
    """
    try:
        yield
    except MissingConfigException as error:
        raise UserError(_missing(error)) from error
    except Exception as error:
        if (
            not isinstance(error, HydraException | OmegaConfBaseException)
            and _raised_in(error) not in _COMPOSERS
        ):
            raise
        causes = [str(cause) for cause in (error, error.__cause__) if cause is not None]
        lines = [line.strip() for cause in causes for line in cause.splitlines() if line.strip()]
        kept = dict.fromkeys(line for line in lines if not _FURTHER_LINES.match(line))
        what = "; ".join(kept).replace("++", "") or type(error).__name__  # put there by `hydra_overrides`
        raise UserError(f"the configuration cannot be composed: {what}") from error


def _raised_in(error: Exception) -> str:
    """The package whose code raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] if trace else ""


def _missing(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    known = list(error.options or [])
    if not group or not known:
        return f"the configuration cannot be composed: {first_line(error)}"
    return f"{group}={option}: there is no such option; {one_of(option, known)}"


def resolved(composed: DictConfig) -> dict[str, Any]:
    """The values as a plain tree, references such as `${seed}` or `${oc.env:HOME}` replaced by what they stand for.

    Raises:
        UserError: naming every reference to what there is not.
    """
    plain = OmegaConf.to_container(composed, resolve=False)
    keys = [key for key, _ in _leaves(plain, "")]
    if problems := [_unresolved(key, node, error, keys) for key, node, error in _failures(composed, "")]:
        heading = (
            f"the configuration has {counted(len(problems), 'value')} with a reference that leads nowhere; "
            "where ${ is meant as text it is written \\${:"
        )
        raise UserError("\n".join([heading, *(f"  - {problem}" for problem in problems)]))
    return plain_tree(composed)


def plain_tree(config: DictConfig) -> dict[str, Any]:
    """The values with their references replaced; those that are still missing stay `???`."""
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(values, dict)  # as a DictConfig gives
    return {str(key): value for key, value in values.items()}


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items() if isinstance(tree, Mapping) else ():
        key = f"{path}.{name}" if path else str(name)
        yield key, value
        yield from _leaves(value, key)


def _failures(config: Any, path: str) -> Iterator[tuple[str, str, Exception]]:
    """(key, what is written there, what went wrong) of each reference that cannot be resolved."""
    written: Any = OmegaConf.to_container(config, resolve=False)
    names: list[Any] = list(config.keys() if isinstance(config, DictConfig) else range(len(config)))
    for name in names:
        key = f"{path}.{name}" if path else str(name)
        if OmegaConf.is_interpolation(config, name):
            try:
                OmegaConf.to_container(OmegaConf.create({"value": config[name]}), resolve=True)
            except (OmegaConfBaseException, RecursionError) as error:
                yield key, str(written[name]), error
        elif not OmegaConf.is_missing(config, name) and isinstance(config[name], DictConfig | ListConfig):
            yield from _failures(config[name], key)


def _unresolved(key: str, written: str, error: Exception, keys: list[str]) -> str:
    said = first_line(error)
    if isinstance(error, RecursionError) or "Recursive" in said:
        why = "it refers to itself"
    elif found := _NOT_FOUND.search(said):
        why = "; ".join(filter(None, [f"there is no key {found[1]}", did_you_mean(found[1], keys)]))
    elif found := _NOT_SET.search(said):
        why = f"the environment variable {found[1]} is not set; set it, or give a default: ${{oc.env:{found[1]},…}}"
    else:
        why = said
    return f"{key}={written} ({why})"
