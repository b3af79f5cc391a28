"""Files of examples for fine-tuning, and of texts to evaluate on."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.tasks import FinetuneConfig
from pipeline.formats.text_files import read_file_texts
from tests.fuzz.corpora import TEXTS
from tests.fuzz.mutations import mutated
from train.finetuning.data import load_splits
from train.finetuning.task import task_of

ROWS = [{"text": text, "label": ["river", "sea"][n % 2], "n": n} for n, text in enumerate(TEXTS * 3)]
QUESTIONS = [{"prompt": f"What is {n}?", "response": text} for n, text in enumerate(TEXTS * 3)]


def _sound(ending: str, rows: list[dict], folder: Path) -> bytes:
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "sound")
        return (folder / "sound").read_bytes()
    if ending == "json":
        return json.dumps(rows, indent=1, ensure_ascii=False).encode()
    if ending == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if ending == "csv":
        quoted = [
            ",".join(f'"{str(cell).replace(chr(34), chr(34) * 2)}"' for cell in row.values()) for row in rows
        ]
        return "\n".join([",".join(rows[0]), *quoted]).encode()
    lines = [
        "\t".join(str(cell).replace("\n", " ").replace("\t", " ") for cell in row.values()) for row in rows
    ]
    return "\n".join(["\t".join(rows[0]), *lines]).encode()


def examples_round(ending: str) -> Callable[[Path, Random], None]:
    """Damages a file of examples and loads it as fine-tuning does."""

    def one(folder: Path, random: Random) -> None:
        task, rows = random.choice([("classify", ROWS), ("instruct", QUESTIONS), ("seq2seq", QUESTIONS)])
        path = folder / f"data.{ending}"
        path.write_bytes(mutated(_sound(ending, rows, folder), random))
        settings = FinetuneConfig.choose(task, data={"train": str(path)})
        reader = task_of(settings)
        splits = load_splits(
            settings.data, lambda file, unread: reader.read_examples(file, settings, unread), Path
        )
        reader.describe_examples(settings, splits)  # looks at the labels, where there are some

    return one


def texts_round(folder: Path, random: Random) -> None:
    """Damages a file of texts and reads it as `evaluate.perplexity.files`."""
    ending = random.choice(["txt", "tokens", "jsonl", "json", "parquet"])
    sound = "\n\n".join(TEXTS).encode() if ending in ("txt", "tokens") else _sound(ending, ROWS, folder)
    path = folder / f"wiki.{ending}"
    path.write_bytes(mutated(sound, random))
    list(read_file_texts(path))
