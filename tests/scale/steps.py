"""Ten steps of training as one rank of so many, on torch's fake process group: what the others hold is what this rank
holds. A signal then asks for a stop, so that a checkpoint is written and the run wants to be queued again."""

import logging
import multiprocessing
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import Restart
from pipeline.tracking.tracker import Tracker
from tests.scale.opens import counted_opens
from tests.scale.table import Figures
from train.data.batches import Batch
from train.loop import fit, set_up_process
from train.models import build_model
from train.training_plan import TrainingPlan

STEPS, LENGTH, VOCAB, SEED = 10, 8, 64, 5


class Rows:
    """Examples of random tokens; those of the tenth step bring the signal."""

    def __init__(self, ranks: int):
        self._left, self._ids = STEPS, torch.randint(VOCAB, (4 * ranks, LENGTH + 1))

    def __len__(self) -> int:
        return len(self._ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.full(len(indices), LENGTH)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGUSR1)
        rows = self._ids[torch.from_numpy(indices)]
        return {"input_ids": rows[:, :-1].contiguous(), "labels": rows[:, 1:].contiguous()}


def train(folder: Path, strategy: str, ranks: int, rank: int) -> Figures:
    """Play that rank in a process of its own."""
    context = multiprocessing.get_context("fork")  # all is imported already
    there, here = context.Pipe()
    process = context.Process(target=_play, args=(here, folder, strategy, ranks, rank))
    process.start()
    here.close()
    try:
        figures: Figures = there.recv()
    except EOFError:
        raise RuntimeError(f"rank {rank} of {ranks} under {strategy} failed") from None
    finally:
        process.join()
    return figures


def _play(answer: Connection, folder: Path, strategy: str, ranks: int, rank: int) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": str(ranks), "GROUP_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "LOCAL_WORLD_SIZE": "1"}
    (folder / "checkpoints" / f"step-{STEPS:08d}.writing").mkdir(parents=True, exist_ok=True)  # by rank 0
    before, started = _resident(), time.process_time()
    with _counted_collectives() as collectives, counted_opens(folder) as opens:
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=ranks)
        settings = TrainerConfig(
            steps=2 * STEPS,
            global_batch=ranks,
            devices=ranks,
            accelerator="cpu",
            threads=1,
            log_every=1,
            sample_every=0,
            checkpoint_every=0,
        )
        plan = TrainingPlan(
            model=build_model(DecoderConfig(layers=2, hidden=32, heads=2, mlp=64, context=LENGTH), VOCAB),
            train=Rows(ranks),
            validation={},
            steps=settings.steps,
            tokens_per_example=LENGTH,
            flops_per_token=1.0,
            optim=AdamWConfig(lr=1e-3),
            schedule=CosineSchedule(),
            trainer=settings,
            strategy=StrategyConfig.choose(strategy),
            seed=SEED,
            on_gpu=set_up_process(settings, SEED),
            decode=str,
        )
        tracker = Tracker(folder if rank == 0 else None)
        try:
            fit(plan, Context(folder, {}, tracker, logging.getLogger("scale"), RunConfig(), rank, ranks))
        except Restart as stop:
            if stop.step != STEPS:
                raise
    seconds, memory = time.process_time() - started, _resident() - before
    answer.send(Figures(seconds, opens.counts.total(), collectives.total(), memory=memory))
    answer.close()


@contextmanager
def _counted_collectives() -> Generator[Counter[str]]:
    """Collective operations by name. Those of Python objects, whose bytes the fake group does not carry, leave with
    each rank what it has."""
    counts: Counter[str] = Counter()

    def broadcast(objects: list[Any], *_: object, **__: object) -> None:
        counts["objects"] += 1

    def gather(value: Any, found: list[Any] | None = None, *_: object, **__: object) -> None:
        counts["objects"] += 1
        if found is not None:
            found[:] = [value] * len(found)

    def reduce(_: object, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
        dist.all_reduce(bucket.buffer())
        done: torch.futures.Future[Tensor] = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    def hook(strategy: DDPStrategy) -> None:  # the fake group's own futures hold nothing
        strategy.model.register_comm_hook(None, reduce)

    with (
        patch.object(dist, "broadcast_object_list", broadcast),
        patch.object(dist, "gather_object", gather),
        patch.object(DDPStrategy, "_register_ddp_hooks", hook),
        _Counting(counts),
    ):
        yield counts


class _Counting(TorchDispatchMode):
    """Counts torch's own collective operations."""

    def __init__(self, counts: Counter[str]):
        super().__init__()
        self._counts = counts

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.namespace == "c10d":
            self._counts[func.name()] += 1
        return func(*args, **(kwargs or {}))


def _resident() -> int:
    """The most memory that this process had so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
