"""What is followed of a model while it is trained: benchmarks and named texts."""

import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pipeline.config.probes import ProbesConfig
from pipeline.config.stages import PretrainStage
from pipeline.errors import UserError
from pipeline.formats.benchmark_tasks import (
    LoadedTasks,
    as_percent,
    chance_level,
    load_tasks,
    quiet_harness,
    set_up,
)
from pipeline.formats.near_paths import path_hint
from pipeline.formats.text_files import read_file_texts
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from train.benchmarks.harness_model import Ranks


class Request(NamedTuple):
    """What the harness's requests are to a model."""

    args: tuple[str]


class Probes:
    """Benchmarks and texts, loaded once and asked again and again."""

    def __init__(
        self, config: ProbesConfig, tokenizer: "PreTrainedTokenizerFast", batch_size: int, seed: int
    ):
        """
        Args:
            batch_size: rows that one rank reads at a time.

        Raises:
            UserError: where a task, its data or a file is not there, or a task has texts written.
        """
        self.every = config.every
        self._config, self._tokenizer = config, tokenizer
        self._batch_size, self._seed = batch_size, seed
        self._loaded = [load_tasks(each.task, each.data) for each in config.benchmarks]
        for loaded, benchmark in zip(self._loaded, config.benchmarks, strict=True):
            refuse_writing(loaded)
            set_up(loaded, benchmark.fewshot, None)
        self._texts = {Path(name).name: read_text(Path(name), config.text_chars) for name in config.texts}

    @classmethod
    def of(cls, config: PretrainStage, tokenizer: "PreTrainedTokenizerFast") -> Self | None:
        """Those of a pretraining; None where it follows nothing."""
        settings, trainer = config.pretrain.probes, config.trainer
        if not settings.enabled:
            return None
        rows = trainer.global_batch // trainer.ranks // trainer.accumulation
        return cls(settings, tokenizer, rows, config.seed)

    def measure(self, model: LanguageModel, ranks: "Ranks") -> dict[str, float]:
        """Each figure by its name, such as `hellaswag/acc` and `wiki.txt/bits_per_byte`; a collective operation.

        The model is in evaluation mode. No random number is drawn.
        """
        from train.benchmarks.harness_model import HarnessModel

        harness = HarnessModel(model, self._tokenizer, self._batch_size, self._seed, ranks)
        found: dict[str, float] = {}
        for loaded, benchmark in zip(self._loaded, self._config.benchmarks, strict=True):
            set_up(loaded, benchmark.fewshot, None)  # the same solved examples each time
            found |= _ask(harness, loaded, benchmark.limit or self._config.limit)
        for name, texts in self._texts.items():
            scores = harness.loglikelihood_rolling([Request((text,)) for text in texts])
            found[f"{name}/bits_per_byte"] = (
                -sum(scores) / math.log(2) / sum(len(text.encode()) for text in texts)
            )
        return found


def _ask(harness: object, loaded: LoadedTasks, limit: int) -> dict[str, float]:
    with quiet_harness():
        report = import_module("lm_eval.evaluator").evaluate(
            harness, loaded, limit=limit, bootstrap_iters=0, log_samples=False
        )
    found: dict[str, float] = {}
    for name, task in loaded["tasks"].items():
        for key, value in report["results"][name].items():
            metric, _, chosen_by = key.partition(",")
            if chosen_by and not metric.endswith("_stderr") and isinstance(value, int | float):
                label = metric if chosen_by == "none" else key
                found[f"{name}/{label}"] = as_percent(label, float(value))
        chance = chance_level(task, range(min(limit, len(task.eval_docs))))
        if chance is not None:
            found[f"{name}/chance"] = chance
    return found


def refuse_writing(loaded: LoadedTasks) -> None:
    """Raises: UserError: where a task has texts written, which takes too long to be done again and again."""
    for name, task in loaded["tasks"].items():
        if task.OUTPUT_TYPE == "generate_until":
            raise UserError(
                f"pretrain.probes.benchmarks: {name} has texts written, which takes too long while a model is trained; "
                "name it in evaluate.benchmarks"
            )


def read_text(path: Path, chars: int) -> Sequence[str]:
    """The documents of a file, so many characters together at the most.

    Raises:
        UserError: where it is absent, of no kind that is read, or holds no text.
    """
    path = path.expanduser()
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        near = path_hint(str(path))
        raise UserError(f"pretrain.probes.texts: {path} {what}{f'; {near}' if near else ''}")
    found: list[str] = []
    for _, text in read_file_texts(path):
        if text.strip() and chars > 0:
            found.append(text[:chars])
            chars -= len(text)
    if not found:
        raise UserError(f"pretrain.probes.texts: {path} holds no text; leave it out")
    return found
