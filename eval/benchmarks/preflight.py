"""Whether the benchmarks of a run can be scored, looked at before anything is trained: see `pipeline.preflight`."""

from typing import Any

from pipeline.config.benchmarks import BenchmarkConfig
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.benchmark_tasks import check_harness, check_items, load_tasks, set_up
from pipeline.known import Known
from pipeline.text.counts import counted
from train.finetuning.task import task_of


def benchmarks(root: RootConfig, known: Known) -> str:
    """Load each benchmark with its data, and make the requests of its first item.

    Raises:
        UserError: where the harness, a task or its data is not there, or no model of the run can be asked.
    """
    if not root.evaluate.benchmarks:
        return ""
    check_harness()
    context = _context(root, known)
    return "; ".join(_check(benchmark, context) for benchmark in root.evaluate.benchmarks)


def _context(root: RootConfig, known: Known) -> int:
    """The context of the models that are asked.

    Raises:
        UserError: where none reads from left to right.
    """
    model = root.model
    if root.finetune.enabled and root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        model = named_base(root.finetune.init, known.locate).config
    writes = root.finetune.enabled and task_of(root.finetune).scores_text and model.reading == "left_to_right"
    pretrained = not root.finetune.replaces_pretraining and root.objective.gives_perplexity
    if not writes and not pretrained:
        what = (
            f"finetune={root.finetune.choice}"
            if root.finetune.replaces_pretraining
            else f"objective={root.objective.choice}"
        )
        raise UserError(
            "evaluate.benchmarks asks how likely texts are and has texts written, which takes a model that reads from "
            f"left to right, and not one of {what}; leave it out"
        )
    return model.context


def _check(benchmark: BenchmarkConfig, context: int) -> str:
    loaded = load_tasks(benchmark.task, benchmark.data)
    set_up(loaded, benchmark.fewshot, benchmark.max_new_tokens)
    items = check_items(loaded, benchmark.limit)
    for name, task in loaded["tasks"].items():
        for instance in task.instances:
            _check_writing(name, instance, context)
    return f"{benchmark.task}: {counted(items, 'item')}"


def _check_writing(name: str, instance: Any, context: int) -> None:
    if instance.request_type != "generate_until":
        return
    from train.benchmarks.harness_model import read_generation

    try:
        read_generation(instance.args[1], context, 1)
    except UserError as error:
        raise UserError(f"benchmarks: {name} cannot be scored: {error}") from None
