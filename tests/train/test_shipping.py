"""What an export's further forms are held to, and what is said before anything trains."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from pipeline.config.evaluation import ExportConfig
from pipeline.config.export_formats import ExportFormat
from pipeline.errors import UserError
from train.exporting.formats import module_of
from train.exporting.measure import (
    Measured,
    Reference,
    check_exact,
    check_loss,
    check_token_ids,
    measure,
)

VOCABULARY = 11


class Table:
    """A form that gives the next token's logits by the last token alone."""

    reader, runs_as_stored = "a table", True

    def __init__(self, table: torch.Tensor):
        self.table = table

    def token_ids(self, text: str) -> list[int] | None:
        return [ord(letter) % VOCABULARY for letter in text]

    def logits(self, ids: list[int]) -> torch.Tensor:
        return self.table[list(ids)]

    def continue_greedily(self, prompt: list[int], tokens: int) -> list[int]:
        ids = list(prompt)
        for _ in range(tokens):
            ids.append(int(self.table[ids[-1]].argmax()))
        return ids[len(prompt) :]


@pytest.fixture
def plain() -> Table:
    torch.manual_seed(0)
    return Table(torch.randn(VOCABULARY, VOCABULARY))


@pytest.fixture
def reference(plain: Table) -> Reference:
    rows = [[1, 5, 2, 9, 10], [3, 3, 0, 7]]
    return Reference(rows, [plain.logits(row) for row in rows], {"ab": [9, 10]}, [4, 2], 6)


def row(form: Table, reference: Reference, tmp_path: Path) -> Measured:
    path = tmp_path / "form.bin"
    path.write_bytes(b"x" * 1_500)
    path.with_name(f"{path.name}_data").write_bytes(b"x" * 1_000)  # as a large graph keeps its weights
    return measure(form, "form", path.name, path, reference)


def test_a_name_stands_for_a_format_with_its_defaults() -> None:
    config = ExportConfig(formats=["gguf", {"format": "gguf", "type": "q8_0"}])
    assert [format.label for format in config.formats] == ["gguf-f16", "gguf-q8_0"]
    with pytest.raises(ValidationError, match="'ggml' found using 'format' does not match any"):
        ExportConfig(formats=["ggml"])


@pytest.mark.parametrize("name", ["gguf", "onnx"])
def test_a_package_that_is_missing_is_told_with_what_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, {"gguf": "gguf", "onnx": "onnxruntime"}[name], None)
    format = ExportFormat.choose(name)
    with pytest.raises(UserError, match=rf"pip install 'lm-workflow\[{name}\]'"):
        module_of(format).check_installed(format)


def test_a_row_of_the_table(plain: Table, reference: Reference, tmp_path: Path) -> None:
    measured = row(plain, reference, tmp_path)
    chances = [plain.table[a].softmax(0)[b] for ids in reference.rows for a, b in pairwise(ids)]
    assert measured.perplexity == pytest.approx(float(torch.stack(chances).log().mean().neg().exp()))
    assert (measured.megabytes, measured.logit_difference) == (0.0025, 0)
    assert (measured.tokens_per_second or 0) > 0
    moved = row(Table(plain.table + torch.eye(VOCABULARY)), reference, tmp_path)
    assert moved.logit_difference == 1


def test_a_form_that_says_something_else_is_refused(
    plain: Table, reference: Reference, tmp_path: Path
) -> None:
    measured = row(plain, reference, tmp_path)
    assert "the same text" in check_exact(plain, "form", measured, plain, reference, 1e-4)
    turned = Table(plain.table.roll(1, 1))
    with pytest.raises(UserError, match="continues with"):
        check_exact(turned, "form", measured, plain, reference, 1e-4)
    with pytest.raises(UserError, match="logits of form"):
        check_exact(turned, "form", row(turned, reference, tmp_path), plain, reference, 1e-4)
    with pytest.raises(UserError, match="encodes 'ab' as"):
        check_token_ids(plain, "form", Reference([], [], {"ab": [1]}, [1], 1))


def test_a_loss_above_what_is_allowed_is_refused(plain: Table, reference: Reference, tmp_path: Path) -> None:
    format = ExportFormat.choose("gguf", type="q4_0", max_rise=0.01)
    measured = row(plain, reference, tmp_path)
    check_loss(format, measured, measured)
    unlikely = plain.table.clone()
    for ids in reference.rows:
        unlikely[ids[:-1], ids[1:]] -= 3
    worse = row(Table(unlikely), reference, tmp_path)
    with pytest.raises(UserError, match=r"gguf-q4_0 has a perplexity .* more than its max_rise=0\.01"):
        check_loss(format, worse, measured)
