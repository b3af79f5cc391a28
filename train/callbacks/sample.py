"""Shows texts of the model as it stands."""

import pytorch_lightning as pl
import torch

from pipeline.errors import UserError
from pipeline.text.ending import ending
from train.callbacks.after_step import AfterStep
from train.generation.samples import Sampler
from train.module import LanguageModule

PROMPT_CHARS, WRITTEN_CHARS = 100, 200
"""What the log shows at most of a prompt, of which the end tells most, and of what the model writes behind it."""


class Sample(AfterStep):
    """Every `trainer.sample_every` steps, and after the last one, unless that is 0."""

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        sampler, every = self.run.plan.sampler, self.run.plan.trainer.sample_every
        if sampler is not None and every and (self.progress.is_last or self.progress.is_due(every)):
            self._show(sampler, module)

    @torch.no_grad()
    def _show(self, sampler: Sampler, module: LanguageModule) -> None:
        step = self.progress.step
        self.context.activity.note(f"the samples after step {step:,}")
        module.eval()
        # A state that grows with each token would be compiled anew again and again.
        with torch.compiler.set_stance("force_eager"), module.strategy.gathered(module.model):
            rows: list[tuple[str, str]] = []
            try:
                rows = sampler(module.model)
            except UserError as error:  # of the model, and so on all ranks alike
                self.context.log.warning(f"step {step:,}: no sample texts, and training goes on: {error}")
        module.train()
        self.context.tracker.table("samples", ["prompt", "continuation"], rows, step)
        if self.context.rank == 0:
            for prompt, continuation in rows:
                self.context.log.info(_in_a_line(prompt, continuation))


def _in_a_line(prompt: str, written: str) -> str:
    """A sample in which the model's own words are told from the prompt's, such as the answers of a conversation."""
    words = written.lstrip(" ")
    shown = words if len(words) <= WRITTEN_CHARS else f"{words[:WRITTEN_CHARS]}…"
    return f"sample: {ending(prompt, PROMPT_CHARS).rstrip()} [the model:] {shown}".replace("\n", " ⏎ ")
