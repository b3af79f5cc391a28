"""Ranks as threads of one process, which talk to each other as processes do."""

import pickle
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from train.strategies.shares import Fragment, Share
from train.strategies.single import Single

T = TypeVar("T")


class World:
    """So many ranks. Counts the collective operations of each, and the bytes that each is sent."""

    def __init__(self, ranks: int):
        self.ranks = ranks
        self.collectives: Counter[int] = Counter()
        self.received: Counter[int] = Counter()
        self._slots: list[Any] = [None] * ranks
        self._meeting = threading.Barrier(ranks, timeout=300)

    def play(self, act: Callable[[int], T]) -> list[T]:
        """What each rank makes of it, all at work at once. One that fails breaks off the others."""

        def guarded(rank: int) -> T:
            try:
                return act(rank)
            except BaseException:
                self._meeting.abort()
                raise

        with ThreadPoolExecutor(self.ranks) as pool:
            return list(pool.map(guarded, range(self.ranks)))

    def exchange(self, rank: int, value: T) -> list[T]:
        """Every rank's value; a collective operation."""
        self.collectives[rank] += 1
        self._slots[rank] = value
        self._meeting.wait()
        found = list(self._slots)
        self._meeting.wait()
        return found


class PlayedRank(Single):
    """One rank of a world, as a strategy; it holds the whole state, as under DDP, or rows of it, as under FSDP."""

    is_global_zero: bool = False

    def __init__(self, world: World, rank: int, model: nn.Module, by_rows: bool):
        super().__init__(torch.device("cpu"))
        self.world, self.by_rows = world, by_rows
        self.global_rank, self.world_size = rank, world.ranks
        self.is_global_zero = rank == 0
        self._rows: list[tuple[nn.Parameter, int, nn.Parameter]] = []
        for parameter in model.parameters():
            each = -(-len(parameter) // world.ranks) if by_rows else len(parameter)
            first = rank * each if by_rows else 0
            rows = parameter.detach()[first : first + each].clone()
            self._rows.append((parameter, first * parameter[0].numel(), nn.Parameter(rows)))
        self.optimizers = [torch.optim.AdamW([rows for _, _, rows in self._rows])]

    @property
    def replicates(self) -> bool:  # type: ignore[override]
        return not self.by_rows

    def shares(self, model: nn.Module) -> list[Share]:
        (group,) = self.own_optimizer.param_groups
        return [
            Share(rows, group, (Fragment(whole, first, 0, rows.numel()),) if rows.numel() else ())
            for whole, first, rows in self._rows
        ]

    def broadcast(self, obj: T, src: int = 0) -> T:
        found = self.world.exchange(self.global_rank, obj)[src]
        if self.global_rank != src:
            self._receive(found)
        return found

    def gather(self, value: T) -> list[T]:
        found = self.world.exchange(self.global_rank, value)
        if not self.is_global_zero:
            return []
        self._receive(found)
        return found

    def all_gather(self, tensor: Tensor, *_: object, **__: object) -> Tensor:
        return torch.stack(self.world.exchange(self.global_rank, tensor))

    def reduce(self, tensor: Tensor, *_: object, **__: object) -> Tensor:
        return torch.stack(self.world.exchange(self.global_rank, tensor)).sum(0)

    def barrier(self, name: str | None = None) -> None:
        self.world.exchange(self.global_rank, None)

    def _receive(self, value: object) -> None:
        if self.global_rank in (0, 1, self.world_size - 1):  # the measuring takes time itself
            self.world.received[self.global_rank] += len(pickle.dumps(value))
