"""The items of benchmarks as evaluation texts, and which of them stand in the corpus."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from data_prep.contamination.index import EvaluationText, read_twins
from data_prep.contamination.report import ContaminationReport
from pipeline.config.benchmarks import BenchmarkItems
from pipeline.formats.benchmark_items import ComparedItems
from pipeline.formats.benchmark_tasks import item_text, load_tasks

_BETWEEN = ": item "


def benchmark_texts(benchmarks: Iterable[BenchmarkItems]) -> Iterator[EvaluationText]:
    """Of each item of each task a text: what it asks, with the right answer.

    Raises:
        UserError: where a task or its data is not there.
    """
    for benchmark in benchmarks:
        for name, task in load_tasks(benchmark.task, benchmark.data)["tasks"].items():
            for number, item in enumerate(task.eval_docs):
                yield EvaluationText(f"{name}{_BETWEEN}{number}", item_text(task, item), is_item=True)


def compared_items(index: Path, report: ContaminationReport) -> Mapping[str, ComparedItems]:
    """What the whole corpus's report says of the items, by task.

    Args:
        index: the folder of the index that has them.
    """
    found = {row["text"] for row in report.rows()}
    compared: dict[str, ComparedItems] = {}
    for name, twin in read_twins(index).items():
        task, _, number = name.rpartition(_BETWEEN)
        items = compared.setdefault(task, {"items": 0, "contaminated": [], "too_short": []})
        items["items"] += 1
        if twin is None:
            items["too_short"].append(int(number))
        elif twin in found:
            items["contaminated"].append(int(number))
    return compared
