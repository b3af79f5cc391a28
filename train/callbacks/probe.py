"""Follows benchmarks and named texts."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from train.benchmarks.probes import Probes
from train.callbacks.after_step import AfterStep
from train.models import as_language_model
from train.module import LanguageModule


class Probe(AfterStep):
    """Every `pretrain.probes.every` steps, and after the last one, where the plan has probes."""

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        probes = self.run.plan.probes
        if probes is not None and (self.progress.is_last or self.progress.is_due(probes.every)):
            self._measure(probes, trainer, module)

    def _measure(self, probes: Probes, trainer: pl.Trainer, module: LanguageModule) -> None:
        from train.benchmarks.harness_model import Ranks  # of an extra

        step = self.progress.step
        self.context.activity.note(f"the probes after step {step:,}")

        def add_up(values: Tensor) -> Tensor:
            return trainer.strategy.reduce(values, reduce_op="sum")

        ranks = Ranks(self.context.rank, self.context.world_size, add_up)
        module.eval()
        # Each batch is of another size: compiled, it would be compiled anew again and again.
        with torch.compiler.set_stance("force_eager"), trainer.precision_plugin.forward_context():
            found = probes.measure(as_language_model(module.model), ranks)
        module.train()
        self.context.tracker.log({f"probe/{name}": value for name, value in found.items()}, step)
        if self.context.rank == 0:
            words = "  ".join(f"{name} {value:.3f}" for name, value in found.items() if "/chance" not in name)
            self.context.log.info(f"step {step:>6,}  {words}")
