"""The shards stage: every token is the one that encoding the document gives, however it was made."""

import hashlib
import json
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
from transformers import AutoTokenizer

import data_prep.shards
from data_prep.shards import encode, plan_shards
from data_prep.tokenizer import run as make_tokenizer
from pipeline.config.shards import ShardsConfig
from pipeline.config.stages import ShardsStage, TokenizerStage
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.context import Share
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.formats.tokenizers import TextEncoder, tokenizer_hash
from pipeline.launch.stage_code import run_stage
from pipeline.stages import STAGES
from pipeline.store.file_hashes import hash_file
from pipeline.tracking.tracker import METRICS_FILE

ROOT = Path(__file__).resolve().parents[2]
SPLITS = {
    # More than three batches, and text that spells the token that ends a document.
    "train": [
        *sorted(topics.values()),
        "one<|endoftext|>two",
        "语言模型 👋",
        *sorted(topics.values(), key=len),
    ],
    "validation": sorted(topics.values())[:5],
}


def write_corpus(folder: Path, splits: dict[str, list[str]], shard_mb: int = 128) -> Path:
    for split, texts in splits.items():
        with DocumentWriter(folder / "documents", split, shard_mb) as writer:
            for number, text in enumerate(texts):
                writer.write(Document(f"{split}{number}", text))
    return folder


@pytest.fixture
def tokenizer(make_context: Callable) -> Callable[..., Path]:
    def make(folder: Path, clean: Path, kind: str = "bpe", **settings) -> Path:
        stage = TokenizerStage(tokenizer=TokenizerConfig.choose(kind, **{"vocab_size": 600, **settings}))
        make_tokenizer(stage, make_context(folder, clean=clean))
        return folder

    return make


@pytest.fixture
def shard(make_context: Callable) -> Callable[..., dict]:
    def make(folder: Path, clean: Path, tokenizer: Path, **settings) -> dict:
        context = make_context(folder, clean=clean, tokenizer=tokenizer)
        return run_stage(STAGES["shards"], ShardsStage(shards=ShardsConfig(**settings)), context)

    return make


def check_hashes(folder: Path) -> None:
    for file in (file for files in ShardIndex.load(folder).splits.values() for file in files):
        assert hash_file(folder / file.name) == file.sha256


def read_documents(folder: Path, split: str) -> list[list[int]]:
    """The split's documents, as the .idx.npy files tell them apart."""
    stream, documents, start = TokenStream(folder, split), [], 0
    for file in stream.index.splits[split]:
        offsets = start + np.load((folder / file.name).with_suffix(".idx.npy"))
        documents += [stream.read(int(a), int(b - a)).tolist() for a, b in pairwise(offsets)]
        start += file.tokens
    return documents


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_every_token_is_read_back(tmp_path: Path, tokenizer: Callable, shard: Callable, kind: str) -> None:
    splits = SPLITS | {"train": SPLITS["train"] * 3}
    clean = write_corpus(tmp_path / "clean", splits, shard_mb=1)
    made = tokenizer(tmp_path / "tokenizer", clean, kind=kind)
    out = tmp_path / "shards"
    metrics = shard(out, clean, made, shard_mb=1, workers=1)
    check_hashes(out)
    reference = AutoTokenizer.from_pretrained(made / "tokenizer")
    total = 0
    for split, texts in splits.items():
        documents = read_documents(out, split)
        assert len(documents) == len(texts)
        for ids, text in zip(documents, texts, strict=True):
            assert ids == [*reference(text, split_special_tokens=True)["input_ids"], reference.eos_token_id]
        total += len(documents)
        assert metrics[f"{split}_tokens"] == sum(map(len, documents)) == len(TokenStream(out, split))
    index = ShardIndex.load(out)
    assert len(index.splits["train"]) > 1
    assert (index.eos_id, index.vocab_size) == (reference.eos_token_id, len(reference))
    assert index.tokenizer == tokenizer_hash(made)
    assert (metrics["documents"], metrics["test_tokens"], metrics["dtype"]) == (total, 0, "uint16")


def test_the_number_of_processes_changes_nothing(
    tmp_path: Path, tokenizer: Callable, shard: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clean = write_corpus(tmp_path / "clean", SPLITS)
    made = tokenizer(tmp_path / "tokenizer", clean)
    contents = []
    for workers in (1, 2):
        folder = tmp_path / f"shards{workers}"
        shard(folder, clean, made, workers=workers)
        assert f"of text in {workers} process" in caplog.text
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != METRICS_FILE)
        contents.append([(name, hashlib.sha256((folder / name).read_bytes()).digest()) for name in names])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 5


def test_large_vocabularies_take_four_bytes(tmp_path: Path, tokenizer: Callable, shard: Callable) -> None:
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 70_000) if not 0xD800 <= code < 0xE000]
    clean = write_corpus(tmp_path / "clean", {"train": ["".join(characters), "a"]})
    made = tokenizer(tmp_path / "tokenizer", clean, kind="char", vocab_size=100_000)
    assert shard(tmp_path / "shards", clean, made)["dtype"] == "uint32"
    ids = read_documents(tmp_path / "shards", "train")[0]
    assert max(ids) > 65_535
    assert AutoTokenizer.from_pretrained(made / "tokenizer").decode(ids[:-1]) == "".join(characters)


def test_a_stage_that_was_killed_goes_on_behind_the_files_that_are_done(
    tmp_path: Path, tokenizer: Callable, make_context: Callable
) -> None:
    clean = write_corpus(tmp_path / "clean", SPLITS)
    made = tokenizer(tmp_path / "tokenizer", clean)
    config = ShardsStage(shards=ShardsConfig(workers=1))
    whole, shared = (
        make_context(tmp_path / name, clean=clean, tokenizer=made) for name in ("whole", "shared")
    )
    run_stage(STAGES["shards"], config, whole)
    (shared.folder / "train-00000.bin").write_bytes(b"half of a file")
    encode(config, replace(shared, share=Share(1, 2)))
    before = (shared.folder / "validation-00000.bin").stat().st_mtime_ns
    run_stage(STAGES["shards"], config, shared)
    assert (shared.folder / "validation-00000.bin").stat().st_mtime_ns == before
    for path in whole.folder.glob("*.bin"):
        assert path.read_bytes() == (shared.folder / path.name).read_bytes()
    check_hashes(shared.folder)


def test_a_large_corpus_gets_larger_shards_and_not_more(tmp_path: Path, monkeypatch) -> None:
    clean = write_corpus(tmp_path, {"train": ["word " * 120_000] * 12}, shard_mb=1)
    documents = clean / "documents"
    assert len(plan_shards(documents, None)) == 1
    monkeypatch.setattr(data_prep.shards, "LEAST_BYTES", 1)
    assert len(plan_shards(documents, None)) == len(plan_shards(documents, 1)) > 3
    monkeypatch.setattr(data_prep.shards, "MOST_SHARDS", 3)
    assert len(plan_shards(documents, None)) == 3


def test_a_document_of_50_mb(tmp_path: Path, tokenizer: Callable) -> None:
    """It passes whole; encoded in one go it would take over 10 GB."""
    letters = "".join(
        character for topic in sorted(topics.values()) for character in topic if character.isalpha()
    )
    # Long words are what `tokenizers` is fastest with.
    text = " ".join(letters[start : start + 200] for start in range(0, len(letters), 200))
    text = (text * (50_000_000 // len(text) + 1))[:50_000_000]
    clean = write_corpus(tmp_path / "clean", {"train": [text, "end"]})
    made = tokenizer(tmp_path / "tokenizer", write_corpus(tmp_path / "small", {"train": [text[:200_000]]}))
    result = subprocess.run(
        [sys.executable, "-c", SHARD_ALONE, tmp_path / "shards", clean, made],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(result.stdout) < 1_000_000, "kB at the peak"
    stream = TokenStream(tmp_path / "shards", "train")
    offsets = np.load(tmp_path / "shards" / "train-00000.idx.npy")
    assert len(offsets) == 3
    end = int(offsets[1]) - 1
    assert stream.read(end, 1) == [stream.index.eos_id]
    encoder = TextEncoder(made)
    start = encoder.decode(stream.read(0, 200_000))
    assert text.startswith(start)
    assert text.endswith(encoder.decode(stream.read(end - 200_000, 200_000)))
    assert end == pytest.approx(200_000 * len(text) / len(start), rel=0.05)


SHARD_ALONE = """
import logging, sys
from pathlib import Path
from pipeline.config.shards import ShardsConfig
from pipeline.config.run import RunConfig
from pipeline.config.stages import ShardsStage
from pipeline.context import Context
from pipeline.stages import STAGES
from pipeline.store.file_hashes import hash_file
from pipeline.tracking.tracker import Tracker
from pipeline.launch.stage_code import run_stage
folder, clean, tokenizer = map(Path, sys.argv[1:])
folder.mkdir()
inputs = {"clean": clean, "tokenizer": tokenizer}
context = Context(folder, inputs, Tracker(folder), logging.getLogger(), RunConfig(progress=False))
run_stage(STAGES["shards"], ShardsStage(shards=ShardsConfig(workers=1)), context)
# Not getrusage: its peak takes in that of the process that started this one.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_a_corpus_without_training_text(tmp_path: Path, tokenizer: Callable, shard: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", SPLITS)
    made = tokenizer(tmp_path / "tokenizer", clean)
    (clean / "documents" / "train-00000.parquet").unlink()
    with pytest.raises(UserError, match="no training documents"):
        shard(tmp_path / "shards", clean, made)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_corpus(tmp_path: Path, tokenizer: Callable, shard: Callable, workers: int) -> None:
    clean = write_corpus(tmp_path / "clean", SPLITS)
    made = tokenizer(tmp_path / "tokenizer", clean)
    path = clean / "documents" / "train-00000.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:1000] + bytes(500) + content[1500:])
    with pytest.raises(UserError, match=r"train-00000.parquet is damaged"):
        shard(tmp_path / "shards", clean, made, workers=workers)


def test_a_killed_process_is_a_message(tmp_path: Path, tokenizer: Callable, shard: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", {"train": SPLITS["train"] * 4})
    made = tokenizer(tmp_path / "tokenizer", write_corpus(tmp_path / "small", SPLITS), sample_mb=0.1)

    def kill_one() -> None:
        deadline = time.monotonic() + 60
        while not (children := multiprocessing.active_children()) and time.monotonic() < deadline:
            time.sleep(0.01)
        children[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(UserError, match=r"process.* was killed.* set shards\.workers lower"):
        shard(tmp_path / "shards", clean, made, workers=2)
    killer.join()


def test_tokenizers_that_do_not_fit(tmp_path: Path, tokenizer: Callable, shard: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", SPLITS)
    with pytest.raises(UserError, match=r"holds no tokenizer\.json"):
        shard(tmp_path / "shards", clean, tmp_path)
    made = tokenizer(tmp_path / "tokenizer", clean)
    config = made / "tokenizer" / "tokenizer_config.json"
    saved = json.loads(config.read_text())
    config.write_text(json.dumps({**saved, "eos_token": None}))
    with pytest.raises(UserError, match="has no eos_token"):
        shard(tmp_path / "shards", clean, made)
    file = made / "tokenizer" / "tokenizer.json"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UserError, match="damaged tokenizer"):
        shard(tmp_path / "shards", clean, made)
