"""Fits to the costs that `tests.bench.scale` measured, and what they say of inputs that no test machine can hold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tests.bench.fits import Line, fit
from tests.bench.watch import Usage

if TYPE_CHECKING:
    from tests.bench.scale import Run

PARALLEL = ("clean extract", "clean write", "shards encode")
"""Phases over pieces: they take any number of cores and machines. The others run in one process."""
DECIDE = "clean decide"
SAMPLED_MB = 400.0
"""Of input that hold the 200 MB of text on which a tokenizer is trained."""
MACHINES = {"2 cores": 2, "16 cores": 16, "64 cores": 64, "20 nodes of 16": 320}
CORPORA = {
    "English Wikipedia": ("wiki", 95e3, 7e6),
    "Common Crawl snapshot": ("web", 10e6, 3e9),
}
"""Which runs speak for them, MB of input, and documents."""


def print_fits(runs: Sequence["Run"], decisions: Mapping[int, Usage]) -> None:
    print("\n| input | phase | CPU s = | R² | exponent | private memory MB = |\n|---|---|---|---|---|---|")
    for kind in dict.fromkeys(run.kind for run in runs):
        of_kind = _of_kind(runs, kind)
        for name, line in cpu_lines(of_kind).items():
            private = [run.phases[name].private / 1e6 for run in of_kind]
            memory = fit([run.documents for run in of_kind], private)
            print(f"| {kind} | {name} | {_formula(line, 'MB')} | {_memory(memory)} |")
    sizes = [usage.private / 1e6 for usage in decisions.values()]  # sorting by partitions: they level off
    memory = f"{min(sizes):.0f} to {max(sizes):.0f}"
    print(
        f"| random keys | {DECIDE} | {_formula(_decide_line(decisions), 'million documents', 1e6)} | {memory} |"
    )


def _of_kind(runs: Sequence["Run"], kind: str) -> list["Run"]:
    """Without those of a single copy, whose few pieces start no workers."""
    return [run for run in runs if run.kind == kind and run.copies > 1]


def cpu_lines(runs: Sequence["Run"]) -> dict[str, Line]:
    """CPU seconds over MB of input, for the phases whose cost grows visibly: the others start programs, mostly."""
    lines = {}
    for name in runs[0].phases:
        costs = [max(run.phases[name].cpu, 0.1) for run in runs if name in run.phases]
        if not name.endswith("start") and len(costs) == len(runs) and costs[-1] > costs[0] + 1:
            lines[name] = fit([run.megabytes for run in runs], costs)
    return lines


def _decide_line(decisions: Mapping[int, Usage]) -> Line:
    return fit(list(decisions), [usage.cpu for usage in decisions.values()])


def _formula(line: Line, unit: str, scale: float = 1.0) -> str:
    slope = f"{line.slope * scale:.3g} ± {line.error * scale:.1g}"
    return f"{line.constant:.1f} + ({slope}) per {unit} | {line.r_squared:.3f} | {line.exponent:.2f}"


def _memory(line: Line) -> str:
    return f"{line.constant:.0f} + {line.slope * 1e6:.0f} bytes per document"


def print_projections(runs: Sequence["Run"], decisions: Mapping[int, Usage]) -> None:
    """Hours per phase, and altogether on each machine if its cores are as fast and free as those that measured."""
    time = _decide_line(decisions)
    print("\n| corpus | phase | CPU hours | " + " | ".join(MACHINES) + " |")
    print("|---|---|---|" + "---|" * len(MACHINES))
    for corpus, (kind, megabytes, documents) in CORPORA.items():
        lines = cpu_lines(_of_kind(runs, kind))
        hours = {name: line.at(megabytes) / 3600 for name, line in lines.items()}
        hours[DECIDE] = time.at(documents) / 3600
        if "tokenizer all" in hours:
            hours["tokenizer all"] = lines["tokenizer all"].at(SAMPLED_MB) / 3600
        totals = dict.fromkeys(MACHINES, 0.0)
        for name, spent in hours.items():
            shares = [spent / cores if name in PARALLEL else spent for cores in MACHINES.values()]
            for machine, share in zip(MACHINES, shares, strict=True):
                totals[machine] += share
            cells = " | ".join(f"{share:,.2f}" for share in shares)
            print(f"| {corpus} | {name} | {spent:,.2f} | {cells} |")
        cells = " | ".join(f"{total:,.1f}" for total in totals.values())
        print(f"| {corpus} | altogether | {sum(hours.values()):,.1f} | {cells} |")
