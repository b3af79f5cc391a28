"""Whether what pretraining is to follow can be followed, looked at before it starts: see `pipeline.preflight`."""

from pathlib import Path

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.benchmark_tasks import check_items, load_tasks, set_up
from pipeline.known import Known
from pipeline.text.counts import counted


def probes(root: RootConfig, known: Known) -> str:
    """Load the benchmarks and texts of `pretrain.probes`.

    Raises:
        UserError: where one is not there, or the model cannot be asked.
    """
    config = root.pretrain.probes
    if not config.enabled:
        return ""
    from train.benchmarks.probes import read_text, refuse_writing

    if not root.objective.gives_perplexity:
        raise UserError(
            "pretrain.probes asks how likely texts are, which takes a model that reads from left to right, and not one "
            f"of objective={root.objective.choice}; leave it out"
        )
    told = []
    for benchmark in config.benchmarks:
        loaded = load_tasks(benchmark.task, benchmark.data)
        refuse_writing(loaded)
        set_up(loaded, benchmark.fewshot, None)
        items = check_items(loaded, benchmark.limit or config.limit)
        told.append(f"{benchmark.task}: {counted(items, 'item')}")
    for text in config.texts:
        size = sum(len(part.encode()) for part in read_text(Path(text), config.text_chars))
        told.append(f"{Path(text).name}: {size:,} bytes")
    return "; ".join(told)
