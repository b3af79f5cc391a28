"""What a comparison shows of a sweep's jobs, out of the artifacts that they have left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.store.artifacts import Store, read_json
from pipeline.sweep.jobs import Job

RESULTS = "results.json"
"""What evaluate leaves: `Result` in `eval/results.py` says what a row holds."""
BUDGET = "trainer."
"""Swept keys that say how far pretraining goes begin with this; they make points of one system, and no other test."""

SAME_FLOPS = 1.1
"""Systems whose FLOPs differ by no more than this factor, by a step or so, have had the same."""


@dataclass(frozen=True)
class Score:
    """A figure with its confidence interval, in which there is none where evaluate gave none."""

    title: str
    value: float
    low: float | None
    high: float | None
    count: int
    """Of test examples or documents."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Score":
        return cls(row["title"], row["value"], row["low"], row["high"], row["n"])


@dataclass(frozen=True)
class Pretrained:
    """A system with what its pretraining took."""

    system: str
    budget: str
    """What the sweep has set of how far pretraining goes; empty where it sets nothing."""
    fingerprint: str
    objective: str
    """What it has learned to predict."""
    parameters: float
    tokens: float
    flops: float | None
    seconds: float | None
    """Of training alone: tokens over the median of the tokens per second."""
    texts: Mapping[str, Score]
    """Scores on held-out text, by name."""


@dataclass(frozen=True)
class Outcome:
    """What came of one system in one test."""

    system: str
    test: str
    pretrained: Pretrained | None
    """None where the job has not finished."""
    score: Score | None
    baseline: Score | None
    """The same figure of what needs no model, where evaluate has one."""
    reason: str | None
    """Why there is no score."""


def outcomes_of(jobs: Sequence[Job], compare: str, store: Store) -> list[Outcome]:
    """One for each job, in their order.

    Args:
        compare: the swept key whose values are the systems.
    """
    return [_outcome(job, compare, store) for job in jobs]


def _outcome(job: Job, compare: str, store: Store) -> Outcome:
    system = job.swept[compare]
    test = " ".join(
        value for key, value in job.swept.items() if key != compare and not key.startswith(BUDGET)
    )
    evaluated = store.find("evaluate", job.fingerprints["evaluate"]) if _is_evaluated(job) else None
    if evaluated is None:
        return Outcome(system, test, None, None, None, _reason(job))
    rows = [
        row
        for row in read_json(evaluated.folder / RESULTS, evaluated.folder, kind=list)
        if row["file"] is None
    ]
    texts = {row["name"]: Score.of(row) for row in rows if row["model"] == "pretrain" and row["of_text"]}
    pretrained = _pretrained(job, system, texts, store)
    # The last of the figures that tell most is the one with the finer measure: F1 behind exact match.
    main = [row for row in rows if row["model"] == "finetune" and row["headline"] and not row["of_text"]]
    if not main:
        return Outcome(system, test, pretrained, None, None, "no task was fine-tuned on")
    name = main[-1]["name"]
    beside = [row for row in rows if row["name"] == name and row["model"] not in ("finetune", "pretrain")]
    baseline = Score.of(beside[0]) if beside else None
    return Outcome(system, test, pretrained, Score.of(main[-1]), baseline, None)


def _is_evaluated(job: Job) -> bool:
    return job.state == "finished" and "evaluate" in job.fingerprints


def _reason(job: Job) -> str:
    """Without the words that every refusal begins with."""
    lines = [line.strip(" -") for line in (job.error or "").splitlines()]
    told = [line for line in lines if line and not line.startswith("the configuration has ")]
    return " ".join(told) or job.state


def _pretrained(job: Job, system: str, texts: Mapping[str, Score], store: Store) -> Pretrained | None:
    artifact = store.find("pretrain", job.fingerprints.get("pretrain", ""))
    if artifact is None:
        return None
    numbers = {
        name: float(value) for name, value in artifact.metrics.items() if isinstance(value, int | float)
    }
    speed, tokens = numbers.get("tokens_per_second"), numbers["tokens"]
    return Pretrained(
        system,
        " ".join(value for key, value in job.swept.items() if key.startswith(BUDGET)),
        job.fingerprints["pretrain"],
        str(artifact.manifest["config"]["objective"]["name"]).replace("_", " "),
        numbers["parameters"],
        tokens,
        numbers.get("flops"),
        tokens / speed if speed else None,
        texts,
    )


def pretrainings(outcomes: Sequence[Outcome]) -> list[Pretrained]:
    """Each once, systems in the order of the sweep and the cheapest of a system first."""
    found = {each.fingerprint: each for outcome in outcomes if (each := outcome.pretrained) is not None}
    systems = list(dict.fromkeys(outcome.system for outcome in outcomes))
    return sorted(found.values(), key=lambda each: (systems.index(each.system), each.flops or each.tokens))


def equal_flops(trained: Sequence[Pretrained]) -> list[float]:
    """What each budget has of FLOPs, the smallest first; nothing where systems of one budget differ in it, as at equal
    time."""
    found: dict[str, list[float]] = {}
    for each in trained:
        if each.flops is None:
            return []
        found.setdefault(each.budget, []).append(each.flops)
    if any(max(flops) > SAME_FLOPS * min(flops) for flops in found.values()):
        return []
    return sorted(min(flops) for flops in found.values())
