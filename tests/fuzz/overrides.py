"""Random words on the command line, composed and checked as the planner does it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from pipeline.__main__ import CONF, options, store_defaults
from pipeline.config.composition import composing, resolved
from pipeline.config.left_out import typed_keys
from pipeline.config.overrides import hydra_overrides
from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.dryrun import dry_run

VALUES = [
    *(
        "",
        "null",
        "true",
        "-1",
        "0",
        "7",
        "1e-3",
        "1e999",
        "-inf",
        "nan",
        "9" * 40,
        "a",
        "a" * 300,
        "ä",
        "ä b",
        "日本",
    ),
    *(
        "[]",
        "[1",
        "[a,b]",
        "[[]]",
        "{}",
        "{a:1}",
        "{a:{b:[1]}}",
        "{1:2}",
        "'x",
        '"x"',
        "'${'",
        "${nope}",
        "${seed}",
    ),
    *(
        "${oc.env:NOPE}",
        "${oc.env:HOME}",
        "${oc.decode:1}",
        "${trainer}",
        "${trainer.steps}",
        "${.x}",
        "${..}",
        "$",
    ),
    *(
        "a,b",
        "range(1,3)",
        "choice(a,b)",
        "int(x)",
        "str(1)",
        "interval(0,1)",
        "glob(*)",
        "???",
        "\\",
        "a=b",
        "../x",
    ),
    *(
        "/nope",
        "s3://nope/x",
        "https://x",
        "artifact://nope/x",
        "hf://x",
        "host:1",
        "\udcff",
        "a\0b",
        "a\nb",
        "%j",
    ),
]
SIGNS = ["", "", "", "", "", "+", "++", "~"]


def _leaves(tree: Any, path: str = "") -> Iterator[str]:
    for name, value in tree.items() if isinstance(tree, dict) else ():
        yield (key := f"{path}.{name}" if path else name)
        yield from _leaves(value, key)


def overrides_round() -> Callable[[Path, Random], None]:
    """One to three overrides of any key, group or neither, on top of a configuration that is sound."""
    store_defaults()
    groups = {group: found for group in _groups() if (found := options(group))}
    with initialize_config_dir(str(CONF), version_base="1.3"):
        keys = list(_leaves(resolved(compose("config"))))

    def one(folder: Path, random: Random) -> None:
        GlobalHydra.instance().clear()
        words = hydra_overrides(
            [f"run.artifacts={folder}", f"run.runs={folder}", *_words(random, keys, groups)], options
        )
        with composing(), initialize_config_dir(str(CONF), version_base="1.3"):
            composed = compose("config", overrides=words)
        dry_run(parse_config(resolved(composed), typed_keys(words)))

    return one


def _groups() -> list[str]:
    return ["experiment", *(name for name in RootConfig.model_fields)]


def _words(random: Random, keys: list[str], groups: dict[str, list[str]]) -> list[str]:
    words = []
    for _ in range(random.randint(1, 3)):
        kind = random.random()
        if kind < 0.3:
            group = random.choice(list(groups))
            value = random.choice([*groups[group], *groups[group], random.choice(VALUES)])
            words.append(f"{random.choice(SIGNS)}{group}={value}")
        elif kind < 0.9:
            key = random.choice(keys)
            if random.random() < 0.1:
                key = random.choice(
                    [f"{key}.x", key.rpartition(".")[0], f"{key}x", f".{key}", f"{key}@x", "", "hydra.x"]
                )
            words.append(f"{random.choice(SIGNS)}{key}={random.choice(VALUES)}")
        else:
            words.append(
                random.choice(
                    ["~optim", "foo", "~x", "=", "==", "+a", "seed", "@=1", "hydra/launcher=x", "a b"]
                )
            )
    return words
