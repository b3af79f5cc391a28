"""docs/configuration.md, written from the sections and `conf/`.

`python -m pipeline.config.document > docs/configuration.md`
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline import ROOT
from pipeline.config.base import NEUTRAL, Section, content_mark
from pipeline.config.choices import Choice, as_kind, section_classes, tag_fields
from pipeline.config.root import RootConfig
from pipeline.config.type_words import type_in_words
from pipeline.stages import STAGES

CONF = ROOT / "conf"

INTRO = """\
# Configuration

*Made by `python -m pipeline.config.document > docs/configuration.md` from the classes in `pipeline/config/` and
the files in `conf/`; a test fails where it is out of date. Change those, not this file.*

## How a configuration comes about

[Hydra](https://hydra.cc) composes it once, in the planner. Later sources win:

1. the defaults of the sections below;
2. one option per **group**, a file `conf/<group>/<option>.yaml`: `model=gpt2_124m`;
3. one **experiment**, a file `conf/experiment/<name>.yaml` that chooses groups and sets keys: `experiment=demo`;
4. the command line: `trainer.steps=500`.

```sh
make pretrain EXP=wikitext2_small ARGS="optim.lr=3e-4 trainer.steps=500"
.venv/bin/python -m pipeline stage=pretrain experiment=wikitext2_small optim.lr=3e-4 trainer.steps=500   # the same
make config EXP=demo ARGS="model=lstm optim=adamw"       # the whole configuration, and what set what is not default
.venv/bin/python -m pipeline --help                      # groups, options and sections
.venv/bin/python -m pipeline --help trainer optim        # the keys of these, a line each
```

- A key that a group's file does not name is set like any other; Hydra's `+` is not needed.
- `null` is what the descriptions call None: `tokenizer.han_run=null`. With `trainer.tokens` or `trainer.epochs`
  instead of `trainer.steps`, set `trainer.steps=null` too.
- Keys that an experiment sets stay set when you choose another option of a group. Where that option has no such key,
  it stays out with a word (`optim=adamw` has no `muon_lr`).
- Lists and globs need quotes against the shell: `'corpus.paths=[notes/**/*.txt]'`.
- Everything is checked before anything runs. Unknown keys and wrong values are reported together, each with what
  would be right; contradictions between values are reported together once these are corrected.
- The experiments that read local data find it below `$LM_DATA`, or `data/` where that is not set.

**Several runs at once.** `--multirun` (short: `-m`, behind the overrides) takes several values of a key; `sweep=` is a
file of such keys. They share what they have in common. See [Sweeps](sweeps.md).

```sh
.venv/bin/python -m pipeline stage=pretrain experiment=demo optim.lr=1e-3,3e-3 seed=1,2 --multirun
```

**What is kept.** `runs/<run.name>/config.yaml` holds the whole checked configuration of the last start. Each
artifact holds what its stage saw, in `stage.yaml` and in `manifest.json` under `config`.

**What enters the fingerprint.** An artifact is found again by a hash of its stage's name and version, the settings
of the sections that the stage sees, and its inputs' fingerprints. The last column says of each setting:

- **yes**: another value is another artifact;
- **content**: a path; the content of the files that it names counts, not where they lie, and of a model's or
  tokenizer's folder only the files that are read. A name on the Hugging Face hub counts as it is;
- **no**: it changes how the work is done and not what comes out (processes, logging intervals, retries, …).
"""


def document() -> str:
    """The whole of docs/configuration.md."""
    parts = [INTRO, "## Groups and experiments\n", *_groups(), "## Sections\n", *_sections()]
    return "\n".join(parts)


def _groups() -> Iterator[str]:
    chosen = default_options()
    for group, options in sorted(
        options_in_words().items(), key=lambda item: (item[0] == "experiment", item[0])
    ):
        rows: list[Row] = []
        for name, (what, sets) in sorted(options.items()):
            rows.append((f"`{name}`" + (" (default)" if chosen.get(group) == name else ""), what, sets))
        yield f"### `{group}=`\n"
        yield _table(("option", "what it is", "sets"), rows)


def options_in_words() -> dict[str, dict[str, tuple[str, str]]]:
    """By group and option what it is and what it sets: the choices of a section, and the files in `conf/`."""
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for name, field in RootConfig.model_fields.items():
        if kind := as_kind(field.annotation):
            for option, section in kind.choices().items():
                found[name][option] = (_prose(section.__doc__ or ""), f"`{name}.{section.tag}={option}`")
    for file in CONF.glob("*/*.yaml"):
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        found[file.parent.name][file.stem] = (
            _leading_comment(file),
            ", ".join(_chosen_and_set(settings)),
        )
    return found


def default_options() -> dict[str, str]:
    defaults = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return {group: option for entry in defaults if isinstance(entry, dict) for group, option in entry.items()}


def _leading_comment(file: Path) -> str:
    """The comment that a file begins with, less Hydra's own directive."""
    words = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            words.append(line.removeprefix("#").strip())
    return " ".join(words)


def _chosen_and_set(settings: dict[str, Any]) -> Iterator[str]:
    """Groups that an experiment chooses, then keys with their values."""
    for entry in settings.pop("defaults", []):
        if isinstance(entry, dict):
            yield from (f"`{key.removeprefix('override /')}={option}`" for key, option in entry.items())
        elif entry != "_self_":
            yield f"all of `{entry}`"
    yield from (f"`{key}={_value(value)}`" for key, value in _leaves(settings))


def _leaves(settings: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _sections() -> Iterator[str]:
    single = {n: f for n, f in RootConfig.model_fields.items() if not section_classes(f.annotation)}
    yield "### At the top\n"
    yield _table(
        _HEADER, [key_row(name, field, default_of(field), _is_seen(name)) for name, field in single.items()]
    )
    for name, field in RootConfig.model_fields.items():
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        classes = section_classes(field.annotation)
        kind = as_kind(field.annotation)
        shared = _shared_by_choices(kind) if kind else []
        if kind and shared:
            yield f"### `{name}`\n"
            yield f"{_prose(kind.__doc__ or '')} {_readers(name)} All choices have these keys:\n"
            yield _table(_HEADER, list(key_rows(kind, name, default, _is_seen(name), shared)))
        for section in classes:
            tags = [kind.tag] if kind else tag_fields()
            tag = next((n for n in tags if n in section.model_fields), None) if classes[1:] else None
            chosen = f" with `{name}.{tag}={section.model_fields[tag].default}`" if tag else ""
            yield f"### `{name}`{chosen}\n"
            yield _prose(section.__doc__ or "") + ("" if shared else f" {_readers(name)}") + "\n"
            own = [key for key in section.model_fields if key not in shared]
            yield _table(_HEADER, list(key_rows(section, name, default, _is_seen(name), own)))


def _shared_by_choices(kind: type[Choice]) -> list[str]:
    """Fields of the kind that all of its choices have as they are there."""
    return [
        name
        for name, field in kind.model_fields.items()
        if all(repr(choice.model_fields[name]) == repr(field) for choice in kind.choices().values())
    ]


_HEADER = ("key", "value", "default", "meaning", "in the fingerprint")
Row = tuple[str, ...]


def key_rows(
    section: type[Section], path: str, values: Section | None, seen: bool, names: Iterable[str] | None = None
) -> Iterator[Row]:
    """The section's keys, or those of them with these names."""
    for name in section.model_fields if names is None else names:
        field, key = section.model_fields[name], f"{path}.{name}"
        there = values is not None and name in type(values).model_fields  # else of another choice
        value = getattr(values, name) if there else default_of(field)
        optional = section_classes(field.annotation) if value is None else []
        if not isinstance(value, Section):
            yield key_row(key, field, value, seen)
            if get_origin(field.annotation) is list:
                for item in section_classes(field.annotation):
                    yield from key_rows(item, f"{key}.0", None, seen)
            for inner in optional:
                yield from key_rows(inner, key, inner(), seen)
        elif any(isinstance(value, kind) for kind in _root_sections()):
            yield _like_root_section(key, name, value)
        else:
            yield from key_rows(type(value), key, value, seen)


def _root_sections() -> list[type[Section]]:
    """Classes of the sections at the top, of which others may hold one with defaults of their own."""
    annotations = (field.annotation for field in RootConfig.model_fields.values())
    return [a for a in annotations if isinstance(a, type) and issubclass(a, Section)]


def _like_root_section(key: str, name: str, value: Section) -> Row:
    """One row for a section that is documented above, with the defaults that it has of its own."""
    own = [
        f"`{n}={_value(getattr(value, n))}`"
        for n, field in type(value).model_fields.items()
        if getattr(value, n) != default_of(field)
    ]
    return (
        f"`{key}.*`",
        f"as [`{name}`](#{name})",
        ", ".join(own),
        "Its own values, apart from those.",
        "alike",
    )


def key_row(key: str, field: FieldInfo, default: Any, seen: bool) -> Row:
    shown = "*needed*" if default is PydanticUndefined else f"`{_value(default)}`"
    neutral = NEUTRAL in field.metadata or not seen
    enters = "content" if content_mark(field) else "no" if neutral else "yes"
    return (
        f"`{key}`",
        type_in_words(field.annotation, field.metadata),
        shown,
        _prose(field.description or ""),
        enters,
    )


def default_of(field: FieldInfo) -> Any:
    return PydanticUndefined if field.is_required() else field.get_default(call_default_factory=True)


def _value(value: Any) -> str:
    """As it is typed on a command line."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _is_seen(name: str) -> bool:
    """Whether a stage sees the section, or value, as something that defines its result."""
    fields = (stage.config.model_fields.get(name) for stage in STAGES.values())
    return any(field is not None and NEUTRAL not in field.metadata for field in fields)


def _readers(name: str) -> str:
    stages = [stage.name for stage in STAGES.values() if name in stage.config.model_fields]
    if not stages:
        return "No stage's result depends on it."
    return f"Read by {' and '.join(stages)}."


def _prose(docstring: str) -> str:
    """On one line; outside of code spans `<` must not open a tag."""
    parts = " ".join(docstring.split()).split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def _table(header: tuple[str, ...], rows: list[Row]) -> str:
    lines = [
        header,
        ("---",) * len(header),
        *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    print(document(), end="")
