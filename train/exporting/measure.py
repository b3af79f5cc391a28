"""What each form of a model is worth, measured in one way, and what it is refused for."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.export_formats import ExportFormat
from pipeline.errors import UserError
from train.exporting.formats import Form

SPEED_TOKENS, SPEED_TRIES = 48, 2
HARD_TEXTS = (
    "0 1 12 123 1234 12345 3.14 1,000,000 ٣٤٥ ¾ Ⅷ",
    "  two spaces\n\n\n three lines \t tab\r\n  \r\n end   \n",
    "I've don't WE'LL it’s 'tis \"quoted\" (brackets) a_b--c ==== !!! …",
    "我想在apple工作1314151天。日本語のテキスト、한국어 문장, ภาษาไทย हिन्दी में",
    "naïve café Ünïcödé Ελληνικά Русский עברית العربية",
    "😀🚀👩‍👩‍👧 😶‍🌫️ ✅🦙 \u200d \u00a0 \u3000",
)
"""What splitters of text differ in: digits, white space, contractions, scripts without spaces, marks, emoji."""


@dataclass(frozen=True)
class Reference:
    """What all forms are compared with: the model as it was trained."""

    rows: list[list[int]]
    """Token ids of held-out text."""
    logits: list[Tensor]
    """Of each row, fp32 [tokens, vocabulary]."""
    token_ids: dict[str, list[int]]
    """By the text."""
    prompt: list[int]
    """To be continued."""
    new_tokens: int
    """How many may follow it."""


@dataclass(frozen=True)
class Measured:
    """A row of the table of forms."""

    form: str
    file: str
    """Where it lies in the exported folder; empty of the folder itself."""
    megabytes: float
    perplexity: float
    """Of the reference's rows."""
    tokens_per_second: float | None
    """One text that is continued; None where the reader has made fp32 of the form before it computes."""
    logit_difference: float
    """Largest absolute one from the model as it was trained."""
    reader: str
    gate: str
    """The checks that it has passed."""


def measure(form: Form, label: str, file: str, path: Path, reference: Reference, gate: str = "") -> Measured:
    """A form's size, perplexity, speed and difference.

    Args:
        path: the file, or the folder whose files count.
    """
    losses: list[Tensor] = []
    difference = 0.0
    for row, ours in zip(reference.rows, reference.logits, strict=True):
        theirs = form.logits(row)
        difference = max(difference, float((theirs - ours).abs().max()))
        losses.append(F.cross_entropy(theirs[:-1], torch.tensor(row[1:]), reduction="none"))
    perplexity = float(torch.cat(losses).mean().exp())
    speed = _tokens_per_second(form, reference) if form.runs_as_stored else None
    return Measured(label, file, _megabytes(path), perplexity, speed, difference, form.reader, gate)


def _tokens_per_second(form: Form, reference: Reference) -> float:
    seconds = []
    for _ in range(SPEED_TRIES):
        start = time.perf_counter()
        form.continue_greedily(reference.prompt, reference.new_tokens)
        seconds.append(time.perf_counter() - start)
    return reference.new_tokens / min(seconds)


def _megabytes(path: Path) -> float:
    # A file's own name begins that of what it keeps beside it, as `model.onnx_data`.
    found = path.parent.glob(f"{path.name}*") if path.is_file() else path.iterdir()
    files = [each for each in found if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6


def check_token_ids(form: Form, label: str, reference: Reference) -> bool:
    """Whether the form has a tokenizer, which then gives the reference's ids.

    Raises:
        UserError: where it gives others.
    """
    for text, ours in reference.token_ids.items():
        theirs = form.token_ids(text)
        if theirs is None:
            return False
        if theirs != ours:
            raise UserError(
                f"{label}, read by {form.reader}, encodes {text[:60]!r} as {theirs[:12]}, not as {ours[:12]}; it is "
                "not handed on"
            )
    return True


def check_loss(config: ExportFormat, measured: Measured, plain: Measured) -> str:
    """What the form's perplexity was held to, in words.

    Raises:
        UserError: where it rises by more than the settings allow.
    """
    rise = measured.perplexity / plain.perplexity - 1
    if not rise <= config.max_rise:  # a NaN is refused, too
        raise UserError(
            f"{config.label} has a perplexity of {measured.perplexity:,.2f}, {rise:.1%} above the model's "
            f"{plain.perplexity:,.2f}, more than its max_rise={config.max_rise:g}; raise that, or choose a form of "
            "more bits"
        )
    return f"perplexity up by at most {config.max_rise:.0%}"


def check_exact(
    form: Form, label: str, measured: Measured, plain: Form, reference: Reference, tolerance: float
) -> str:
    """What logits and text of a form that changes nothing were held to, in words.

    Raises:
        UserError: where either differs.
    """
    if not measured.logit_difference <= tolerance:
        raise UserError(
            f"the logits of {label}, read by {form.reader}, differ from the model's by up to "
            f"{measured.logit_difference:.1e}, more than {tolerance:.0e}; it is not handed on. Should they be "
            "large, raise the tolerance"
        )
    ours, theirs = (each.continue_greedily(reference.prompt, reference.new_tokens) for each in (plain, form))
    if ours != theirs:
        place = next(index for index, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
        logits = plain.logits([*reference.prompt, *ours[:place]])[-1]
        # Two tokens as likely as each other within the tolerance may come out either way.
        if logits[ours[place]] - logits[theirs[place]] > 2 * tolerance:
            raise UserError(f"{label}, read by {form.reader}, continues with {theirs}, the model with {ours}")
    return f"logits within {tolerance:.0e}, the same text"
