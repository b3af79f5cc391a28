"""What the report shows, gathered from the finished artifacts. A missing file leaves its part out."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import chop_cells

from pipeline.formats.documents import ends_in_words, read_texts
from pipeline.formats.held_out import HeldOutText, read_held_out, together
from pipeline.formats.model_folder import FORMS_FILE
from pipeline.formats.source import PARTS_FOLDER, SOURCE_FILE, Source, load_parts
from pipeline.formats.training_artifact import INITIAL_FILE
from pipeline.formats.vocabulary_extension import EXTENSION_TABLE
from pipeline.stages import STAGES, describe
from pipeline.store.artifacts import MANIFEST, read_json
from pipeline.store.manifest import Manifest, StageMetrics, figure
from pipeline.text.one_line import in_one_line
from pipeline.tracking.tracker import TABLES_FOLDER, read_jsonl, read_metrics

EXAMPLE_SPLITS = ("validation", "test", "train")
TOKEN_TEXT_COLUMNS = 420
"""How much of a text is shown in tokens: characters, of which those of Chinese and Japanese count twice, being as wide
as two."""


@dataclass(frozen=True)
class StageRecord:
    """A finished stage, from its manifest; or one at work, of which the manifest says what is known so far."""

    name: str
    folder: Path
    manifest: Manifest
    at_work: str = ""
    """What it is doing; empty where it is finished."""

    @property
    def metrics(self) -> StageMetrics:
        return self.manifest.get("metrics") or {}

    @property
    def headline(self) -> str:
        return self.at_work or describe(STAGES[self.name], self.metrics)

    @property
    def place(self) -> str:
        """The folder, `artifacts/<stage>/…-<fingerprint>`, without the name of the run that made it first."""
        *store, name = self.folder.parts[-3:]
        return "/".join([*store, f"…-{name.rpartition('-')[2]}"])

    @property
    def bytes(self) -> int:
        return sum(file["bytes"] for file in self.manifest.get("outputs", {}).values())

    @property
    def url(self) -> str | None:
        """Its page in Weights & Biases."""
        url = (self.manifest.get("tracking") or {}).get("url")
        return url if url and url.startswith(("https://", "http://")) else None


@dataclass(frozen=True)
class FunnelRow:
    """Documents and bytes that came in, were dropped for a reason, or were kept."""

    kind: str
    """`read`, `dropped` or `kept`."""
    label: str
    documents: int
    bytes: int
    share: float
    """Of the documents read."""


@dataclass(frozen=True)
class BeforeAfter:
    """A part of the held-out text, or all of it."""

    name: str
    loss_before: float
    """Before the first step, nats per token."""
    loss_after: float
    """After the last."""
    text: HeldOutText | None
    """Where its tokens are made of bytes."""

    @property
    def bits_before(self) -> float | None:
        """Bits per byte before the first step; of weights that got new tokens, as they were, with their own."""
        if self.text is None:
            return None
        base = self.text.base_bits_per_byte
        return self.text.bits_per_byte(self.loss_before) if base is None else base

    @property
    def bits_after(self) -> float | None:
        return None if self.text is None else self.text.bits_per_byte(self.loss_after)


@dataclass(frozen=True)
class Training:
    """A training stage over its steps."""

    record: StageRecord
    rows: list[dict[str, float]]
    tokens_per_step: float | None

    def series(self, key: str) -> tuple[list[int], list[float]]:
        """Steps and finite values of one metric."""
        points = [
            (int(row["step"]), float(row[key]))
            for row in self.rows
            if isinstance(row.get(key), int | float) and math.isfinite(row[key])
        ]
        return [step for step, _ in points], [value for _, value in points]

    def losses(self) -> dict[int, float]:
        """The finite losses of all steps; empty where they were not kept. Of a step done twice the later one."""
        rows = read_jsonl(self.record.folder / TABLES_FOLDER / "losses.jsonl")
        found = {int(row["step"]): float(row["loss"]) for row in rows}
        return {step: found[step] for step in sorted(found) if math.isfinite(found[step])}

    def figures(self) -> list[str]:
        """Names of what the model tells beside its loss, in training and in validation, such as an accuracy."""
        keys = dict.fromkeys(key for row in self.rows for key in row)
        names = (key.removeprefix("validation/") for key in keys if key.startswith("validation/"))
        return [name for name in names if name != "loss" and f"train/{name}" in keys]

    def monitored(self) -> list[str]:
        """Metrics of the task that its checkpoints are judged by; the loss is told anyway."""
        keys = dict.fromkeys(key for row in self.rows for key in row if key.startswith("monitor/"))
        return [name for key in keys if (name := key.removeprefix("monitor/")) != "loss"]

    def mean(self, key: str) -> float | None:
        """Over the run, the first logged step aside: it holds what starting up took."""
        values = self.series(key)[1]
        values = values[1:] or values
        return sum(values) / len(values) if values else None

    def before_after(self) -> list[BeforeAfter]:
        """What training has changed; none where it did not start from weights that were measured."""
        validated = [row for row in self.rows if "validation/loss" in row]
        if len(validated) < 2 or validated[0]["step"] != 0:
            return []
        first, last = validated[0], validated[-1]
        keys = [
            key for key in first if key.startswith("validation/") and key.endswith("_loss") and key in last
        ]
        names = {key: key.removeprefix("validation/").removesuffix("_loss") for key in keys}
        texts = read_held_out(self.record.folder)
        whole = {"all of it": text} if (text := together(texts.values())) else {}
        return [
            BeforeAfter(name, first[key], last[key], {**texts, **whole}.get(name))
            for key, name in {**names, "validation/loss": "all of it"}.items()
        ]

    def largest(self, key: str) -> float | None:
        return max(self.series(key)[1], default=None)


@dataclass(frozen=True)
class Progression:
    """One prompt, continued at several steps of the training."""

    prompt: str
    continuations: list[tuple[int, str]]


def read_stages(inputs: Mapping[str, Path]) -> list[StageRecord]:
    """The input artifacts that have a readable manifest, in the order of the pipeline."""
    records = []
    for name in STAGES:
        manifest = _read_json(inputs[name], MANIFEST, dict) if name in inputs else None
        if manifest:
            records.append(StageRecord(name, inputs[name], manifest))
    return records


def confidence_of(evaluate: StageRecord | None) -> str:
    """What stands before the word interval, "95% confidence "; empty where the level is not known."""
    settings = (evaluate.manifest.get("config") or {}).get("evaluate") if evaluate else None
    level = (settings or {}).get("confidence")
    return "" if level is None else f"{100 * level:g}% confidence "


def read_sources(folder: Path | None) -> list[Source]:
    there = folder and ((folder / SOURCE_FILE).is_file() or (folder / PARTS_FOLDER).is_dir())
    return [source for source, _ in load_parts(folder).values()] if there else []


def read_funnel(folder: Path | None) -> list[FunnelRow]:
    """Read, dropped per reason with the most frequent first, kept per split."""
    stats = _read_json(folder, "stats.json", dict, ("read", "dropped", "splits")) if folder else None
    if not stats:
        return []
    read = max(stats["read"]["documents"], 1)

    def row(kind: str, label: str, counts: Mapping[str, int]) -> FunnelRow:
        return FunnelRow(kind, label, counts["documents"], counts["bytes"], counts["documents"] / read)

    dropped = sorted(stats["dropped"].items(), key=lambda item: (-item[1]["documents"], item[0]))
    return [
        row("read", "read", stats["read"]),
        *(row("dropped", reason.replace("_", " "), counts) for reason, counts in dropped),
        *(row("kept", split, counts) for split, counts in stats["splits"].items()),
    ]


def read_ends(clean: Path | None) -> str:
    """That splits hold ends of documents besides whole ones, in words; empty where they do not."""
    stats = _read_json(clean, "stats.json", dict) if clean else None
    return ends_in_words(ends) if (ends := (stats or {}).get("held_out_ends")) else ""


def read_language(clean: Path | None) -> str:
    """The language of most kept documents, such as `zh`; empty where that is not known, or there is no such one."""
    stats = _read_json(clean, "stats.json", dict) if clean else None
    found: dict[str, int] = (stats or {}).get("languages") or {}
    most = max(found, key=lambda language: found[language], default="")
    return most if 2 * found.get(most, 0) > sum(found.values()) else ""


def read_training(record: StageRecord | None) -> Training | None:
    if record is None or not (rows := read_metrics(record.folder)):
        return None
    steps, tokens = figure(record.metrics, "steps"), figure(record.metrics, "tokens")
    return Training(record, rows, tokens / steps if steps and tokens else None)


def read_initial(folder: Path) -> str:
    """Whose weights a training started from; empty where they were random."""
    return (_read_json(folder, INITIAL_FILE, dict, ("name",)) or {"name": ""})["name"]


def read_progressions(folder: Path | None, most: int) -> list[Progression]:
    """The training's sample texts by prompt; of many steps an even choice with the first and the last."""
    by_prompt: dict[str, dict[int, str]] = {}
    for row in read_jsonl(folder / TABLES_FOLDER / "samples.jsonl") if folder else []:
        by_prompt.setdefault(row["prompt"], {})[row["step"]] = row[
            "continuation"
        ]  # resumed: the later counts
    return [Progression(prompt, _spread(sorted(texts.items()), most)) for prompt, texts in by_prompt.items()]


def read_extension(folder: Path | None) -> list[dict[str, Any]]:
    """How an extended tokenizer and its base serve held-out text, by part of the corpus; none of other tokenizers."""
    path = folder and folder / TABLES_FOLDER / f"{EXTENSION_TABLE}.jsonl"
    return read_jsonl(path) if path and path.is_file() else []


def read_rows(path: Path | None, most: int) -> list[dict[str, Any]]:
    """Some rows of a JSON lines file, spread over it evenly."""
    return _spread(read_jsonl(path), most) if path else []


def tokenize_example(tokenizer: Path | None, text: str) -> list[str]:
    """The beginning of a text, up to a whole word, in the pieces that its tokens stand for, with signs for the ends of
    its lines; empty without a tokenizer or a text.

    A character of several tokens is shown once, with the first of them.
    """
    file = tokenizer / "tokenizer" / "tokenizer.json" if tokenizer else None
    text = _beginning(text.strip())
    if not text or file is None or not file.is_file():
        return []
    from tokenizers import Tokenizer

    reader = Tokenizer.from_file(str(file))
    reader.encode_special_tokens = True  # as in training: what a text spells is text
    pieces: list[str] = []
    end = 0
    for start, stop in reader.encode(text, add_special_tokens=False).offsets:
        start, stop = max(start, end), max(stop, end)
        if start > end:  # what no token stands for, such as the spaces that WordPiece drops
            pieces.append(in_one_line(text[end:start]))
        if stop > start:
            pieces.append(in_one_line(text[start:stop]))
        end = stop
    return pieces


def _beginning(text: str) -> str:
    """As many whole words of a text as are shown in tokens."""
    if not text:
        return text
    start = chop_cells(text[:TOKEN_TEXT_COLUMNS], TOKEN_TEXT_COLUMNS)[0]
    return text if start == text else re.sub(r"\s+\S{0,20}$", "", start)


def example_text(clean: Path | None) -> str:
    """The beginning of a held-out document, or of a training document where none is held out."""
    if clean is None:
        return ""
    texts = (text for split in EXAMPLE_SPLITS for text in read_texts(clean / "documents", split))
    return next(texts, "")


def merged_config(records: Iterable[StageRecord]) -> dict[str, Any]:
    """All sections that made the artifacts, by name."""
    sections: dict[str, Any] = {}
    for record in records:
        sections.update(record.manifest.get("config") or {})
    return sections


def without_places(value: Any) -> Any:
    """Settings as others may read them: of the paths of this machine their last names, …/notes."""
    if isinstance(value, dict):
        return {without_places(key): without_places(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_places(item) for item in value]
    if not isinstance(value, str) or not value.startswith("/"):
        return value
    path = Path(value)
    is_place = path.exists() or (path.parent != Path(path.root) and path.parent.is_dir())
    return f"…/{path.name}" if is_place else value


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most that many, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[-1]]
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _read_json(folder: Path, name: str, kind: type, keys: Sequence[str] = ()) -> Any:
    """None where it is absent.

    Raises:
        UserError: where it is damaged: what a report leaves out nobody misses.
    """
    return read_json(folder / name, folder, keys, kind) if (folder / name).is_file() else None


def read_longest_tokens(tokenizer: Path | None) -> list[str]:
    rows = read_jsonl(tokenizer / TABLES_FOLDER / "longest_tokens.jsonl") if tokenizer else []
    return [row["token"] for row in rows]


def read_forms(export: Path | None) -> dict[str, Any] | None:
    """What each form is worth that the model is handed on in; None where it is the Hugging Face folder alone."""
    path = export / FORMS_FILE if export else None
    return read_json(path, path.parent) if path and path.is_file() else None


def read_text(folder: Path | None, name: str) -> str:
    """A file of an artifact; empty where there is none."""
    file = folder / name if folder else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else ""
