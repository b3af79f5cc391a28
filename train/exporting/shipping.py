"""The further forms of an exported model: written, read again by what will read them elsewhere, and measured."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.config.evaluation import ExportConfig
from pipeline.config.export_formats import ExportFormat
from pipeline.formats.model_folder import FORMS_FILE
from pipeline.store.artifacts import write_json
from train.exporting.formats import Form, module_of
from train.exporting.formats.transformers_form import read_folder
from train.exporting.measure import (
    HARD_TEXTS,
    SPEED_TOKENS,
    Measured,
    Reference,
    check_exact,
    check_loss,
    check_token_ids,
    measure,
)


def ship(folder: Path, config: ExportConfig, reference: Reference, log: logging.Logger) -> None:
    """Write every form of `config.formats` into the exported folder, and beside it what they are worth: the facts of
    `Measured` for each, the folder itself first.

    Args:
        folder: weights in fp32, config and tokenizer.

    Raises:
        UserError: where a form is not what the model is.
    """
    plain = read_folder(folder)
    gate = f"token ids, logits within {config.tolerance:.0e}, the same text"  # of the comparison before
    rows = [measure(plain, "fp32", "", folder, reference, gate)]
    for format in config.formats:
        row = _ship(folder, format, config.tolerance, reference, plain, rows[0])
        rows.append(row)
        log.info(
            f"{row.form}: {row.megabytes:,.1f} MB, perplexity {row.perplexity:,.2f} ({rows[0].perplexity:,.2f} in "
            f"fp32), checked in {row.reader}: {row.gate}"
        )
    facts = {
        "tokens": sum(map(len, reference.rows)),
        "window": max(map(len, reference.rows)),
        "threads": torch.get_num_threads(),
        "forms": [asdict(row) for row in rows],
    }
    write_json(folder.parent / FORMS_FILE, facts)


def _ship(
    folder: Path, format: ExportFormat, tolerance: float, reference: Reference, plain: Form, first: Measured
) -> Measured:
    module = module_of(format)
    path = module.write(format, folder)
    form = module.open_form(format, path, folder)
    gates = ["token ids"] if check_token_ids(form, format.label, reference) else []
    row = measure(form, format.label, str(path.relative_to(folder)), path, reference)
    if format.exact:
        allowed = max(tolerance, format.logit_tolerance or 0)
        gates.append(check_exact(form, format.label, row, plain, reference, allowed))
    else:
        gates.append(check_loss(format, row, first))
    return replace(row, gate=", ".join(gates))


def make_reference(
    tokenizer: Any, rows: list[list[int]], logits: Tensor, texts: list[str], prompt: list[int], room: int
) -> Reference:
    """What the forms are compared with.

    Args:
        rows: token ids of held-out text.
        logits: of the model as it was trained, fp32 [rows, tokens, vocabulary], where rows are padded at the right.
        texts: to be encoded by both tokenizers, besides hard ones and control tokens.
        room: tokens that may follow the prompt.
    """
    control = "".join(tokenizer.all_special_tokens)
    texts = [*texts, *HARD_TEXTS, f"a{control} b {control}"]
    ids = tokenizer(texts, add_special_tokens=False, verbose=False).input_ids
    of_row = [ours[: len(row)] for row, ours in zip(rows, logits, strict=True)]
    return Reference(rows, of_row, dict(zip(texts, ids, strict=True)), prompt, min(room, SPEED_TOKENS))
