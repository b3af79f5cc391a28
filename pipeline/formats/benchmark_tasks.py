"""Tasks of lm-evaluation-harness (Gao et al., 2021), with their items.

The harness is imported where a task is loaded, and nowhere before: it is an extra.
"""

import hashlib
import importlib
import json
import logging
import re
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError
from pipeline.formats.benchmark_files import is_task_file
from pipeline.formats.near_paths import path_hint
from pipeline.text.nearest import did_you_mean

HarnessTask = Any
"""An `lm_eval.api.task.Task`."""
LoadedTasks = dict[str, Any]
"""What the harness's `TaskManager.load` gives: its `tasks` and `groups` by name."""

FEWSHOT_SEED = 1234
"""Of which solved examples stand before an item: the harness's own, so that figures are those that others have."""

_ELSEWHERE = ("task", "dataset_path", "dataset_name", "dataset_kwargs", "metadata", "num_fewshot", "tag")
"""What a task's description says that is told otherwise, or differs from machine to machine."""
_SHARES = ("acc", "exact_match", "pct_")
"""How the names of figures begin that are shares of a task's items."""
_NAMED = re.compile(r"^(?:task|group)\s*:\s*['\"]?([^\s'\"\[\]{}#]+)", re.MULTILINE)
_TAGGED = re.compile(r"^tag\s*:[ \t]*(?:([^\s\[#]+)|((?:\n[ \t]*-[ \t]*\S+)+))", re.MULTILINE)
_ITEM = re.compile(r"-[ \t]*(\S+)")
_BUILDERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}


def check_harness() -> None:
    """Raises: UserError: where lm-evaluation-harness is not installed."""
    if find_spec("lm_eval") is None:
        raise UserError(
            "benchmarks are scored by lm-evaluation-harness, which is not installed: "
            "pip install 'lm-workflow[benchmarks]'"
        )


def load_tasks(task: str, data: Mapping[str, Sequence[str]]) -> LoadedTasks:
    """The task, or all tasks of a group or tag, with their data.

    Args:
        task: a name that the harness knows, or the path of a yaml file.
        data: local files of its splits, in place of its own data set.

    Raises:
        UserError: where there is no such task, or its data cannot be read.
    """
    check_harness()
    path = _find(task)
    with quiet_harness(), tempfile.TemporaryDirectory() as scratch:
        manager = _manager(path, task)
        spec = str(path) if is_task_file(task) else task
        if data:
            spec = str(_with_data(task, path, data, Path(scratch)))
        try:
            return manager.load([spec])
        except Exception as error:  # of the task's own code, of its data set's loader, of the network
            raise UserError(_unreadable(task, path, data, error)) from None


def set_up(loaded: LoadedTasks, fewshot: int | None, max_new_tokens: int | None) -> None:
    """Say of loaded tasks how many solved examples stand before an item, and how much is written.

    Raises:
        UserError: where a task cannot be scored so.
    """
    for name, task in loaded["tasks"].items():
        if getattr(task, "UNSAFE_CODE", False):
            raise UserError(f"benchmarks: {name} runs code that a model writes, which is not done here")
        if getattr(task, "MULTIMODAL", False):
            raise UserError(f"benchmarks: {name} asks about images or sound, and these models read text")
        given = task.get_config("num_fewshot")
        if given == 0 and fewshot:
            raise UserError(
                f"benchmarks: {name} is made for no solved examples before an item; leave fewshot out"
            )
        if fewshot is not None or given is None:
            task.set_config("num_fewshot", fewshot or 0)
        task.set_fewshot_seed(FEWSHOT_SEED)
        if max_new_tokens is not None and task.OUTPUT_TYPE == "generate_until":
            task.set_config("generation_kwargs", {"max_gen_toks": max_new_tokens}, update=True)


def check_items(loaded: LoadedTasks, limit: int | None) -> int:
    """Make the requests of each task's first item, of which the tasks then hold what a model is asked.

    Returns:
        How many items a model is asked about.

    Raises:
        UserError: where no question can be made of one.
    """
    items = 0
    for name, task in loaded["tasks"].items():
        try:
            with quiet_harness():
                task.build_all_requests(limit=1)
        except Exception as error:  # of the task's templates and its own code
            raise UserError(
                f"benchmarks: no question can be made of the first item of {name}: {type(error).__name__}: {error}"
            ) from None
        items += min(len(task.eval_docs), limit or len(task.eval_docs))
    return items


def is_share(figure: str) -> bool:
    """Whether a task's figure is a share of its items, which is told in percent."""
    return figure.startswith(_SHARES)


def as_percent(figure: str, value: float) -> float:
    """A figure's value as the harness has it, or in percent where it is a share."""
    return 100 * value if is_share(figure) else value


def chance_level(task: HarnessTask, items: Iterable[int]) -> float | None:
    """What guessing among their choices has of items, by number, in percent; None of a task without choices."""
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    asked = task.eval_docs  # made anew each time, by the task's own code
    shares = [1 / len(task.doc_to_choice(asked[number])) for number in items]
    return 100 * sum(shares) / len(shares) if shares else None


def item_text(task: HarnessTask, item: Any) -> str:
    """What an item asks, and the right answer to it, as text: what a model must not have read before."""
    asked, answer = task.doc_to_text(item), task.doc_to_target(item)
    choices = task.doc_to_choice(item) if task.get_config("doc_to_choice") is not None else None
    if isinstance(asked, int) and choices is not None:
        asked = choices[asked]
    if isinstance(answer, list):
        answer = answer[0] if answer else ""
    if isinstance(answer, int) and choices is not None:
        answer = choices[answer] if 0 <= answer < len(choices) else ""
    return f"{asked}{task.get_config('target_delimiter') or ''}{answer}"


def task_hash(task: HarnessTask) -> str:
    """Of all that the task says of prompts, answers and scores, wherever its data lies."""
    said = task.dump_config()
    told = {name: said[name] for name in sorted(said) if name not in _ELSEWHERE}
    return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def quiet_harness() -> Generator[None]:
    """Leaves out the harness's words below errors, the hub's of each try, and progress bars of both."""
    import datasets

    tasks: Any = importlib.import_module("lm_eval.api.task")
    bar, shown = tasks.tqdm, datasets.is_progress_bar_enabled()
    levels = {logger: logger.level for logger in map(logging.getLogger, ("lm_eval", "huggingface_hub"))}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    tasks.tqdm = partial(bar, disable=True)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        tasks.tqdm = bar
        if shown:
            datasets.enable_progress_bars()


@cache
def _known() -> dict[str, Path | None]:
    """What the harness names: its own tasks and groups with their yaml files, and tags, which have none. To read them
    all as yaml would take half a minute."""
    found: dict[str, Path | None] = {}
    tags: set[str] = set()
    for path in sorted(_root().rglob("*.yaml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for name in _NAMED.findall(text):
            found.setdefault(name, path)
        for one, several in _TAGGED.findall(text):
            tags |= {one} if one else set(_ITEM.findall(several))
    return {**dict.fromkeys(tags), **found}


def _root() -> Path:
    return Path(importlib.import_module("lm_eval.tasks").__file__ or "").parent


def _find(task: str) -> Path | None:
    """Its yaml file; None of a tag, which has none.

    Raises:
        UserError: where there is none.
    """
    if is_task_file(task):
        path = Path(task).expanduser()
        if not path.is_file():
            advice = path_hint(task) or "name a yaml file that describes a task"
            raise UserError(f"benchmarks: {task!r} does not exist; {advice}")
        return path.resolve()
    if task in _known():
        return _known()[task]
    hint = did_you_mean(task, _known(), most=3) or "a file of your own ends in .yaml"
    raise UserError(f"benchmarks: lm-evaluation-harness knows no task {task!r}; {hint}")


def _manager(path: Path | None, task: str) -> Any:
    """One that knows no more than the task needs, where that can be told: to know all takes half a minute."""
    manager = importlib.import_module("lm_eval.tasks").TaskManager
    if is_task_file(task):
        return manager(include_defaults=False)
    if path is not None and path.parent != _root():
        near = manager(include_defaults=False, include_path=str(_root() / path.relative_to(_root()).parts[0]))
        if _is_whole(near.task_index, task):
            return near
    return manager()


def _is_whole(index: Mapping[str, Any], task: str) -> bool:
    """Whether a task is there, with all that are in it where it is a group."""
    fields = index[task].cfg if task in index else None
    if not isinstance(fields, dict):
        return False
    members = fields.get("task")
    return not isinstance(members, list) or all(
        isinstance(each, str) and (each in index and _is_whole(index, each)) for each in members
    )


def _with_data(task: str, path: Path | None, data: Mapping[str, Sequence[str]], scratch: Path) -> Path:
    """A yaml file of the same task with other data.

    Raises:
        UserError: where it is several tasks, or files are absent or of several kinds.
    """
    fields = _fields(path)
    if path is None or "group" in fields or not isinstance(fields.get("task", ""), str):
        raise UserError(f"benchmarks: {task} is several tasks; name one of them where you give it data")
    files = {split: [str(Path(name).expanduser().resolve()) for name in data[split]] for split in data}
    for names in files.values():
        for name in names:
            if not Path(name).is_file():
                advice = f"; {near}" if (near := path_hint(name)) else ""
                raise UserError(f"benchmarks: the data of {task}, {name}, does not exist{advice}")
    endings = {Path(name).suffix for names in files.values() for name in names}
    builders = {_BUILDERS.get(ending) for ending in endings}
    if len(builders) != 1 or None in builders:
        raise UserError(
            f"benchmarks: the data of {task} must be files of one kind, jsonl, json, csv or parquet; these end in "
            f"{', '.join(sorted(endings))}"
        )
    made, builder = scratch / path.name, builders.pop()
    own = fields.get("dataset_kwargs") if fields.get("dataset_path") == builder else None
    options = {**(own or {}), "data_files": files}
    description = {"include": str(path), "dataset_path": builder, "dataset_name": None}
    made.write_text(yaml.safe_dump({**description, "dataset_kwargs": options}), encoding="utf-8")
    return made


def _fields(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    loader = importlib.import_module("lm_eval.tasks._yaml_loader")
    return loader.load_yaml(path, resolve_func=False)


def _unreadable(task: str, path: Path | None, data: Mapping[str, Sequence[str]], error: Exception) -> str:
    fields: dict[str, Any] = {}
    try:
        fields = _fields(path)
    except Exception as broken:  # the same that is told
        error = broken
    options = fields.get("dataset_kwargs")
    files = options.get("data_files") if isinstance(options, dict) else None
    where = data or files or fields.get("dataset_path")
    said = " ".join(str(error).split()) or type(error).__name__
    told = f"benchmarks: {task} cannot be loaded: {type(error).__name__}: {said[:300]}"
    if not where:
        return told
    hint = (
        "look whether they are there; paths are read from the folder that the command is started in"
        if data or files
        else "a data set of the hub: fetch it on a machine with a network, or give local files: "
        f"{{task: {task}, data: {{test: [FILE]}}}}"
    )
    return f"{told} (its items are in {where}; {hint})"
