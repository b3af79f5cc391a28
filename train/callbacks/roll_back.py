"""Goes back to before steps that were outliers."""

import pytorch_lightning as pl

from pipeline.errors import Restart
from pipeline.text.counts import counted
from train.callbacks.after_step import AfterStep
from train.checkpoints.manager import drop_after
from train.module import LanguageModule


class RollBack(AfterStep):
    """Leaves out the data of the last steps, and starts again from a checkpoint before them, where so many in a row
    were outliers that the loss guard is out of patience."""

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if not module.guard.out_of_patience or self.progress.is_last:
            return
        self.run.checkpoints.conclude()
        first, count = module.guard.rejected[0], len(module.guard.rejected)
        if trainer.is_global_zero:
            self.run.skipped.add(at=first - 1, steps=count)
            drop_after(self.context.folder, first - 1)
            self.context.log.warning(
                f"{counted(count, 'step was an outlier', 'steps in a row were outliers')}: going back to before step "
                f"{first:,}, and leaving out the data of these steps"
            )
        trainer.strategy.barrier()
        raise Restart("rollback", first - 1)
