"""What happens around the steps of training: one callback for each concern, in one order.

A checkpoint comes after all that may change what it holds, or find that it must not be written, and before all that may
end the run or fail.
"""

import pytorch_lightning as pl

from train.callbacks.checkpoint import SaveCheckpoints
from train.callbacks.collect_garbage import CollectGarbage
from train.callbacks.count_steps import CountSteps
from train.callbacks.guard import Guard
from train.callbacks.keep_zeros import KeepZeros
from train.callbacks.log import Log
from train.callbacks.monitor import FollowMonitor
from train.callbacks.plugins import plugin_callbacks
from train.callbacks.prepare import Prepare
from train.callbacks.probe import Probe
from train.callbacks.profile import Profile
from train.callbacks.record_data import RecordData
from train.callbacks.resume import Resume
from train.callbacks.roll_back import RollBack
from train.callbacks.sample import Sample
from train.callbacks.stop import Stop
from train.callbacks.together import Together
from train.callbacks.validate import Validate
from train.training_run import TrainingRun


def build_callbacks(run: TrainingRun) -> list[pl.Callback]:
    """All callbacks of a run, in the order in which Lightning calls them, for each of its hooks; those of plugins by
    themselves, since Lightning looks for some kinds by their class.

    Raises:
        UserError: where a callback of a plugin cannot be made.
    """
    return [Together(_up_to_validation(run)), *plugin_callbacks(run), Together(_from_checkpoints_on(run))]


def _up_to_validation(run: TrainingRun) -> list[pl.Callback]:
    return [
        # Before the first step.
        Prepare(run),
        *([KeepZeros(run)] if run.plan.keeps_zeros_of else []),
        Resume(run),
        # After each micro-batch.
        *([RecordData(run)] if run.plan.trainer.record_data else []),
        CountSteps(run),
        *([Profile(run, *steps)] if (steps := run.plan.trainer.profile) else []),
        # After each optimizer step.
        Guard(run),
        Log(run),
        Validate(run),
        *([Probe(run)] if run.plan.probes else []),
        *([FollowMonitor(run, run.plan.monitor, run.best)] if run.plan.monitor and run.best else []),
    ]


def _from_checkpoints_on(run: TrainingRun) -> list[pl.Callback]:
    checkpoint = SaveCheckpoints(run)
    return [
        checkpoint,
        Stop(run, checkpoint),
        RollBack(run),
        Sample(run),
        *([CollectGarbage(run)] if run.plan.trainer.gc_every else []),
    ]
