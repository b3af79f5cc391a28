"""The `data` section: how pretraining mixes the parts of the shards, and how documents share a sequence."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import Section

Packing = Literal["concatenate", "mask", "best_fit"]


class PhaseConfig(Section):
    """A stretch of training with weights of its own."""

    until: PositiveFloat = 1.0
    """Where it ends, rounded to whole steps: up to 1 a fraction of training, above that training tokens since the
    start. The last phase lasts to the end of training, and keeps the 1."""
    weights: dict[str, NonNegativeFloat]
    """As `data.weights`."""


class DataConfig(Section):
    """What pretraining reads of the shards. Without weights, epochs, tokens and phases an epoch is every window of
    all parts once, in random order; with one of them every batch holds each part's share."""

    weights: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Share of each part in the training sequences, in any unit: {wiki: 3, news: 1}. A part that is not named is left
    out; one that is used up starts again in another order. `trainer.epochs=1` is as many sequences as all parts
    have together."""
    epochs: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Passes over each part: {wiki: 2, news: 0.5}. `trainer.epochs=1` is these passes, once."""
    tokens: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """Training tokens of each part, rounded up to sequences. `trainer.epochs=1` is all of them, once."""
    phases: list[PhaseConfig] = Field(default_factory=list)
    """A curriculum: phases one after the other. Each goes on in every part where the one before stopped."""
    first: PositiveInt | None = None
    """Train on so many first sequences of each part alone, again and again, to see whether the model learns them by
    heart (`debug=overfit`); None takes all."""
    packing: Packing = "concatenate"
    """`concatenate`: consecutive windows of the documents' stream. `mask`: the same windows, but no token attends to
    another document, and positions start again at each one. `best_fit`: whole documents packed into sequences, masked
    likewise, the rest padded; only documents longer than a sequence are cut (Ding et al., 2024)."""

    @property
    def parts(self) -> set[str]:
        """The parts of the corpus that it names."""
        shares = [self.weights, self.epochs, self.tokens, *(phase.weights for phase in self.phases)]
        return {name for share in shares for name in share}

    def problems(self) -> list[str]:
        found = []
        given = [name for name in ("weights", "epochs", "tokens", "phases") if getattr(self, name)]
        if len(given) > 1:
            found.append(
                f"give at most one of weights, epochs, tokens and phases (given: {', '.join(given)})"
            )
        shares = {f"{name}": getattr(self, name) for name in given if name != "phases"}
        shares |= {f"phases.{number}.weights": phase.weights for number, phase in enumerate(self.phases)}
        for name, values in shares.items():
            if not any(values.values()):
                found.append(f"{name} leaves every part out; give at least one a number above 0")
        return found + self._phase_problems()

    def _phase_problems(self) -> list[str]:
        if not self.phases:
            return []
        found = []
        *ends, last = [phase.until for phase in self.phases]
        if last != 1:
            found.append(
                f"phases.{len(ends)}.until={last:g}: the last phase lasts to the end of training; "
                "remove its until, or add the phase that follows"
            )
        for number, end in enumerate(ends):
            before = [
                e for e in ends[:number] if (e <= 1) == (end <= 1)
            ]  # fractions and tokens each by themselves
            if end == 1 or any(e >= end for e in before):
                found.append(
                    f"phases.{number}.until={end:g} leaves no training to a phase; let them increase, below 1"
                )
        return found
