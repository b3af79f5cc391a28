"""What one run of training works with, and what its callbacks share."""

from pipeline.context import Context
from train.checkpoints.manager import Checkpoints
from train.data.batches import MicroBatches, TrainSamples
from train.data.order import SampleOrder
from train.guards.divergence import Divergence
from train.guards.loss_guard import SkippedData
from train.guards.monitor import BestSoFar
from train.preemption import StopRequest
from train.progress import Progress
from train.strategies.strategy import build_strategy
from train.training_plan import TrainingPlan


class TrainingRun:
    """A plan that is carried out in the folder of a context, with all that this takes besides Lightning."""

    def __init__(self, plan: TrainingPlan, context: Context):
        self.stop = StopRequest()
        self.stop.listen()
        self.plan, self.context = plan, context
        self.progress = Progress(plan.steps)
        trainer, ranks = plan.trainer, context.world_size
        self.skipped = SkippedData(context.folder)
        order = plan.order or SampleOrder(len(plan.train), plan.seed)
        self.samples = TrainSamples(plan.train, order, trainer.global_batch, trainer.accumulation, ranks)
        self.batches = MicroBatches(
            trainer.global_batch,
            trainer.accumulation,
            context.rank,
            ranks,
            plan.steps,
            data_step=self.skipped.data_step,
        )
        self.strategy = build_strategy(plan.strategy, trainer, plan.on_gpu)
        self.checkpoints = Checkpoints(
            context.folder, trainer.keep_last, trainer.keep_every, self.strategy, plan.strategy.choice
        )
        self.best = BestSoFar(plan.monitor) if plan.monitor else None
        self.divergence = Divergence(self.checkpoints, self.strategy, self.skipped)
