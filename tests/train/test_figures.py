"""What a model tells beside its loss reaches the log, validation and the stage's result as exact means."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.schedules.constant import ConstantSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.tracking.tracker import read_metrics
from train.data.batches import PADDING, Batch
from train.loop import fit, set_up_process
from train.models import IGNORE_INDEX, FigureSum, LossSum, TrainableModel
from train.training_plan import TrainingPlan

EXAMPLES, STEPS, BATCH = 9, 3, 4


class Numbers:
    """Example n is the number n, in two rows of two tokens."""

    def __len__(self) -> int:
        return EXAMPLES

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.ones(len(indices), dtype=np.int64)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        rows = torch.from_numpy(np.where(indices == PADDING, IGNORE_INDEX, indices))
        return {"input_ids": rows.clamp(min=0)[:, None, None].expand(-1, 2, 2), "labels": rows}


class TellsTheMean(TrainableModel):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, input_ids: Tensor, labels: Tensor) -> LossSum:
        counts = labels != IGNORE_INDEX
        total = torch.where(counts, labels, 0).sum()
        loss = self.weight.sum() * total
        return LossSum(loss, counts.sum(), figures={"number": FigureSum(total, counts.sum())})


def test_figures_are_means_over_what_was_seen(tmp_path: Path, make_context) -> None:
    trainer = TrainerConfig(
        steps=STEPS, global_batch=BATCH, micro_batch=2, threads=1, log_every=1, record_data=True
    )
    plan = TrainingPlan(
        model=TellsTheMean(),
        train=Numbers(),
        validation={"": Numbers()},
        steps=STEPS,
        tokens_per_example=4,
        flops_per_token=None,
        optim=AdamWConfig(),
        schedule=ConstantSchedule(),
        trainer=trainer,
        strategy=StrategyConfig.choose("single"),
        seed=1,
        on_gpu=set_up_process(trainer, 1),
        decode=str,
    )
    context = make_context(tmp_path / "out")
    result = fit(plan, context)
    seen: dict[int, list[int]] = {}
    for row in (context.folder / "data/rank-0.jsonl").read_text().splitlines():
        line = json.loads(row)
        seen.setdefault(line["step"], []).extend(line["windows"])
    logged = [row["train/number"] for row in read_metrics(context.folder)]
    assert logged == [np.mean(seen[step]) for step in range(1, STEPS + 1)]
    # Nine examples in batches of two: the padding of the last does not count.
    assert result.validation_figures == {"number": np.mean(range(EXAMPLES))}
