"""Mixtures of a corpus's parts: which part each training sample comes from, in closed form.

Sample n is dealt to a part and to a number within the part by exact integer arithmetic on n, without tables and
without drift: the first batch after a resume costs the same at sample one billion as at zero.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import TypeVar

import numpy as np

from pipeline.config.data import DataConfig
from pipeline.errors import UserError
from train.data.order import Order, SampleOrder, SampleOrders

N = TypeVar("N", int, np.ndarray)

FAST = 2**32
"""Shares whose sum is below are dealt in 64 bits."""


class Shares:
    """Deals the numbers 0, 1, 2, … to parts in fixed proportions, as evenly as can be.

    The first part, with share a of the sum A, gets n if round((n + 1) · a / A) > round(n · a / A): of the first n
    numbers it has round(n · a / A). The others are numbered anew, without gaps, and dealt to the second part in the
    same way, and so on. So of the first n numbers each part has its share of n, give or take half a number for each
    part, and after every A numbers it has exactly that.
    """

    def __init__(self, shares: Sequence[int]):
        """Args: shares: integers from 0, not all of them 0."""
        divisor = math.gcd(*shares)
        self._shares = [share // divisor for share in shares]
        self._sum = sum(self._shares)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shares) and self._shares == other._shares

    def counts(self, numbers: int) -> list[int]:
        """How many of the first so many numbers each part gets."""
        counts: list[int] = []
        rest, of = numbers, self._sum
        for share in self._shares:
            counts.append(_taken(rest, share, of) if share else 0)
            rest, of = rest - counts[-1], of - share
        return counts

    def deal(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Part of each number, and which of that part's it is, from 0; both int64."""
        # A product of two numbers below 2**32 fits 64 bits; beyond, Python's own integers do, ten times slower.
        rest = np.asarray(numbers).astype(np.uint64 if self._sum < FAST else object)
        parts = np.full(rest.shape, -1)
        indices = np.zeros(rest.shape, np.int64)
        of = self._sum
        for part, share in enumerate(self._shares):
            if share:
                before = _taken(rest, share, of)
                mine = (parts < 0) & (_taken(rest + 1, share, of) > before)
                parts[mine], indices[mine] = part, before[mine].astype(np.int64)
                rest, of = rest - before, of - share
        return parts, indices


def _taken(numbers: N, share: int, of: int) -> N:
    """round(numbers · share / of), exactly, halves down. Numbers are taken apart so that no product is above of²."""
    return numbers // of * share + (numbers % of * share + of // 2) // of


class MixedOrder:
    """Training samples dealt to parts by shares that may change at given samples; see `Order`.

    Each part has an order of its own, in which a phase goes on where the one before stopped: nothing is repeated
    before the part's epoch is through.
    """

    def __init__(self, sizes: Mapping[str, int], phases: Sequence[tuple[int, Shares]], seed: int):
        """
        Args:
            sizes: number of sequences of each part, in the order in which they are concatenated.
            phases: first sample and shares of each, the first from sample 0 on.
        """
        self._phases = phases
        self._starts = np.array([start for start, _ in phases])
        self._offsets = np.cumsum([0, *sizes.values()])
        # The name, and not the place, so that another part beside it leaves a part's order as it was.
        seeds = [_part_seed(seed, name) for name in sizes]
        self._orders = SampleOrders(list(sizes.values()), seeds)
        self._before = [[0] * len(sizes)]
        """Of each phase, how many samples of each part come before it."""
        for (start, shares), (end, _) in pairwise(phases):
            counts = shares.counts(end - start)
            self._before.append([a + b for a, b in zip(self._before[-1], counts, strict=True)])

    def counts(self, samples: int) -> list[int]:
        """How many of the first so many samples come from each part."""
        phase = int(np.searchsorted(self._starts, samples, side="right")) - 1
        start, shares = self._phases[phase]
        return [a + b for a, b in zip(self._before[phase], shares.counts(samples - start), strict=True)]

    def common_samples(self, other: Order) -> int | None:
        if not isinstance(other, MixedOrder):
            return 0
        for mine, theirs in zip_longest(self._phases, other._phases):
            if mine != theirs:
                return min(start for start, _ in filter(None, (mine, theirs)))
        return None

    def items(self, samples: np.ndarray) -> np.ndarray:
        samples = np.asarray(samples)
        found = np.empty(samples.shape, np.int64)
        phases = np.searchsorted(self._starts, samples, side="right") - 1
        for phase in np.unique(phases):
            here = phases == phase
            start, shares = self._phases[phase]
            parts, indices = shares.deal(samples[here] - start)
            indices += np.array(self._before[phase])[parts]
            found[here] = self._orders.items(parts, indices) + self._offsets[parts]
        return found


def _part_seed(seed: int, name: str) -> int:
    return int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)[0])


@dataclass(frozen=True)
class Mixture:
    """The `data` section, applied to a training split."""

    config: DataConfig
    sizes: Mapping[str, int]
    """Number of sequences of each part."""
    length: int
    """Tokens per sequence."""

    def __post_init__(self) -> None:
        """Raises: UserError: where the section names a part that there is not."""
        if unknown := sorted(self.config.parts - set(self.sizes)):
            known = ", ".join(name for name in self.sizes if name)
            raise UserError(
                f"data names {', '.join(unknown)}, of which there is no training document; "
                + (f"there are some of {known}" if known else "the corpus has no named parts")
            )

    @property
    def epoch(self) -> int:
        """Sequences of one epoch, as `trainer.epochs` counts them: all budgets once where there are any, else as many
        as the parts have together."""
        return sum(self._budgets() or self.sizes.values())

    def order(self, steps: int, global_batch: int, seed: int) -> Order:
        """Which sequence each training sample is, with the parts one after the other.

        Raises:
            UserError: where a phase has no steps.
        """
        if self.config.phases:
            return MixedOrder(self.sizes, self._phases(steps, global_batch), seed)
        shares = self._budgets() or (self._weights(self.config.weights) if self.config.weights else None)
        if shares is None:
            return SampleOrder(sum(self.sizes.values()), seed)
        return MixedOrder(self.sizes, [(0, Shares(shares))], seed)

    def _budgets(self) -> list[int] | None:
        """Sequences of each part in one epoch, where passes or tokens are given."""
        if self.config.epochs:
            return [math.ceil(_exact(self.config.epochs.get(n, 0)) * size) for n, size in self.sizes.items()]
        if self.config.tokens:
            return [-(-self.config.tokens.get(name, 0) // self.length) for name in self.sizes]
        return None

    def _weights(self, weights: Mapping[str, float]) -> list[int]:
        """As integers in the same proportions: exactly as they were typed, or to nine digits where that takes many."""
        exact = [_exact(weights.get(name, 0)) for name in self.sizes]
        scale = math.lcm(*(value.denominator for value in exact))
        if sum(exact) * scale >= FAST:
            scale = Fraction(FAST // 2) / sum(exact)
        return [math.ceil(value * scale) for value in exact]

    def _phases(self, steps: int, global_batch: int) -> list[tuple[int, Shares]]:
        phases: list[tuple[int, Shares]] = []
        first = 0
        for number, phase in enumerate(self.config.phases):
            phases.append((first * global_batch, Shares(self._weights(phase.weights))))
            tokens = phase.until > 1
            end = round(phase.until / (global_batch * self.length) if tokens else phase.until * steps)
            if not first < end <= steps or (end == steps and number < len(self.config.phases) - 1):
                raise UserError(
                    f"data.phases.{number}.until={phase.until:g} ends after step {end:,} of {steps:,}, and it starts "
                    f"after step {first:,}; every phase needs a step"
                )
            first = end
        return phases

    def describe(self, order: Order, steps: int, global_batch: int) -> list[str]:
        """How often a run sees each part, a line each; nothing where there is but one."""
        if len(self.sizes) == 1:
            return []
        if isinstance(order, MixedOrder):
            counts = order.counts(steps * global_batch)
        else:
            share = Fraction(steps * global_batch, sum(self.sizes.values()))
            counts = [round(size * share) for size in self.sizes.values()]
        return [
            f"part {name}: {count * self.length / 1e6:,.1f}M of {size * self.length / 1e6:,.1f}M tokens, "
            f"{count / size:.2f} epochs, {count / sum(counts):.1%} of training"
            + ("" if count else "; data leaves it out")
            for (name, size), count in zip(self.sizes.items(), counts, strict=True)
        ]


def _exact(number: float) -> Fraction:
    """The decimal number that was typed: 0.1 is a tenth, and not its nearest binary fraction."""
    return Fraction(str(number))
