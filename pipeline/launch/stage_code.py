"""Runs a stage's own code: all of it, or one phase."""

import importlib
from types import ModuleType

from pipeline.config.base import Section
from pipeline.context import Context
from pipeline.stages import Stage
from pipeline.store.manifest import StageMetrics


def run_stage(stage: Stage, config: Section, context: Context) -> StageMetrics:
    """The stage's phases, then its body, whose metrics it gives."""
    for phase in stage.phases:
        run_phase(stage, phase.name, config, context)
    context.activity.note(stage.name)
    return getattr(_module(stage), stage.target.partition(":")[2])(config, context)


def run_phase(stage: Stage, phase: str, config: Section, context: Context) -> None:
    """One phase, or the context's share of it."""
    context.activity.note(phase)
    getattr(_module(stage), phase)(config, context)


def _module(stage: Stage) -> ModuleType:
    return importlib.import_module(stage.target.partition(":")[0])
