"""What `manifest.json` says of a finished artifact."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from pipeline.machine import Machine

StageMetrics = Mapping[str, float | str | None]
"""Figures that a stage tells of itself, by name, and a few words; None where there is no such figure."""


def figure(metrics: StageMetrics, name: str) -> float | None:
    """The figure of that name, if it is among them."""
    value = metrics.get(name)
    return None if isinstance(value, str) else value


def words(metrics: StageMetrics, name: str) -> str:
    """The words of that name; empty where there are none."""
    value = metrics.get(name)
    return value if isinstance(value, str) else ""


class Output(TypedDict):
    """One of its files."""

    bytes: int
    sha256: str


class Tracking(TypedDict):
    """Where its metrics went."""

    backend: str
    id: NotRequired[str]
    url: NotRequired[str | None]
    """None of a run that was kept offline."""


class StageFacts(TypedDict):
    """What a worker says of the stage that it has run."""

    stage: str
    version: int
    fingerprint: str
    config: dict[str, Any]
    """The sections that the stage saw, as plain values."""
    input_fingerprints: dict[str, str]
    inputs: dict[str, str]
    """Folders of the inputs, by stage."""
    metrics: StageMetrics
    run: str
    seconds: float
    """Of all launches together."""
    launches: NotRequired[int]
    """How many times it was launched until it was done."""
    finished: str
    """UTC, such as `2026-01-31T12:00:00Z`."""
    host: str
    ranks: int
    hardware: Machine
    tracking: Tracking
    git_commit: str | None
    git_remote: NotRequired[str | None]
    """Where that commit can be cloned from."""
    python: str
    packages: dict[str, str | None]
    """Versions; None of a package that is not installed."""


class Manifest(StageFacts):
    """All that a stage leaves besides its files. Only `metrics` and `outputs` are checked when an artifact is found."""

    outputs: dict[str, Output]
    """By path in the artifact's folder."""
