"""What tests of tasks with a head of their own share: small models, and all stages from fine-tuning to export."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from eval.evaluate import run as evaluate
from eval.report import run as report
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.stages import EvaluateStage, ExportStage, FinetuneStage, ReportStage
from pipeline.context import Context
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from train.checkpoints.final_model import save_model
from train.export import run as export
from train.finetune import run
from train.models import build_model


def save_base(folder: Path, tokenizer, layout: str = "llama", context: int = 48) -> dict[str, Path]:
    """Inputs of the stage: a tokenizer and a small model with random weights."""
    torch.manual_seed(0)
    kinds = {"bert": EncoderConfig, "modernbert": EncoderConfig, "t5_v1_1": EncoderDecoderConfig}
    config = kinds.get(layout, DecoderConfig)(layout=layout, layers=2, hidden=64, heads=2, context=context)
    save_tokenizer(tokenizer, folder / "tok" / "tokenizer")
    save_model(folder / "pre", build_model(config, len(tokenizer)).state_dict(), config, len(tokenizer))
    return {"tokenizer": folder / "tok", "pretrain": folder / "pre"}


def stage(task: str, train: Path, steps: int = 60, batch: int = 8, **settings: Any) -> FinetuneStage:
    trainer = {"steps": steps, "global_batch": batch, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
    section = {"task": task, "data": {"train": str(train)}, "optim": {"name": "adamw", "lr": 5e-3}}
    return FinetuneStage(
        seed=1, strategy={"name": "single"}, finetune={**section, "trainer": trainer, **settings}
    )


@dataclass(frozen=True)
class Tuned:
    """What the stages have made."""

    metrics: Mapping[str, Any]
    """Of fine-tuning."""
    figures: Mapping[str, Any]
    """Of evaluation."""
    artifact: Path
    evaluated: Path
    folder: Path
    """Exported."""
    page: str
    """The report."""
    format: Any
    """The class of transformers that reads it."""


def all_stages(
    config: FinetuneStage, inputs: dict[str, Path], folder: Path, make_context: Callable[..., Context]
) -> Tuned:
    """Fine-tune, evaluate and export, as the stages do one after the other."""
    tuned = make_context(folder / "finetune", **inputs)
    metrics = run(config, tuned)
    settings = EvaluateStage(seed=1, evaluate=EvaluateConfig(bootstrap=50, accelerator="cpu"))
    scored = make_context(folder / "evaluate", finetune=tuned.folder)
    figures = evaluate(settings, scored)
    manifest = {"config": config.model_dump(mode="json"), "metrics": metrics, "packages": {}, "ranks": 1}
    manifest |= {
        "fingerprint": "0123456789abcdef",
        "git_commit": None,
        "seconds": 1.0,
        "finished": "2026-01-01T00:00:00Z",
        "python": "3",
        "host": "",
        "inputs": {},
        "outputs": {},
    }
    write_json(tuned.folder / "manifest.json", manifest)
    write_json(scored.folder / "manifest.json", manifest | {"config": {}, "metrics": figures})
    written = make_context(folder / "report", finetune=tuned.folder, evaluate=scored.folder)
    report(ReportStage(report={}), written)
    exported = make_context(folder / "export", finetune=tuned.folder, evaluate=scored.folder)
    told = export(ExportStage(export={}), exported)
    return Tuned(
        metrics,
        figures,
        tuned.folder,
        scored.folder,
        exported.folder / "model",
        (written.folder / "report.html").read_text(),
        told["format"],
    )


def card_says(folder: Path) -> list[str]:
    """What the code on an exported model's card prints in its folder."""
    code = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    said: list[str] = []
    with contextlib.chdir(folder):
        exec(code, {"print": lambda *words: said.append(" ".join(map(str, words)))})
    return said
