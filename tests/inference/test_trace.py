"""Which documents hold a text, and which steps read it, against what training itself has read."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import yaml

from data_prep import shards
from inference import trace
from inference.tracing import readings
from pipeline.config.data import DataConfig
from pipeline.config.shards import ShardsConfig
from pipeline.config.stages import ShardsStage
from pipeline.formats.documents import Document, DocumentFile, document_name
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.formats.tokenizers import TextEncoder, save_tokenizer
from pipeline.store.artifacts import MANIFEST, SPEC_FILE, write_json
from tests.train.conftest import train_tokenizer
from tests.train.mixture_worker import LENGTH, PHASES, pretrain
from train.data import passages
from train.data.batches import Concatenation
from train.data.packing import pack
from train.data.passages import Passage, PassageFinder
from train.guards.loss_guard import SkippedData

PLANTED = "The capital of France is what the lazy fox jumps over."
LEAST = 6


@pytest.fixture(scope="module")
def inputs(make_context: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pretraining reads, in a store: two parts of a corpus, of which some documents hold the planted sentence."""
    store = tmp_path_factory.mktemp("store")
    words = ["brown", "dog", "model", "reads", "token", "next", "writes", "another", "quick", "that", "Paris"]
    (store / "clean/c-1/documents").mkdir(parents=True)
    draw = random.Random(1)
    for part, length in (("long", 40), ("short", 6)):
        for split, documents in (("train", 40), ("validation", 5)):
            with DocumentFile(store / "clean/c-1/documents" / document_name(split, 0, part)) as file:
                for number in range(documents):
                    text = [" ".join(draw.choices(words, k=length))]
                    if number in (7, 20):
                        text.insert(draw.randrange(2), PLANTED)
                    file.write(Document(f"{part}-{number}", " ".join(text), f"Title {number}"))
    save_tokenizer(train_tokenizer(["<|endoftext|>", "<|pad|>"]), store / "tokenizer/t-1/tokenizer")
    made = {"clean": store / "clean/c-1", "tokenizer": store / "tokenizer/t-1"}
    context, config = make_context(store / "shards/s-1", **made), ShardsStage(shards=ShardsConfig(workers=1))
    shards.encode(config, context)
    shards.run(config, context)
    write_spec(store / "shards/s-1", "shards", {}, clean="1", tokenizer="1")
    folder = store / "inputs"
    folder.mkdir()
    for stage, artifact in {**made, "shards": store / "shards/s-1"}.items():
        write_json(artifact / MANIFEST, {"metrics": {}, "outputs": {}})
        (folder / stage).symlink_to(artifact)
    return folder


def write_spec(artifact: Path, stage: str, config: dict[str, Any], **inputs: str) -> None:
    spec = {"stage": stage, "config": config, "input_fingerprints": inputs}
    (artifact / SPEC_FILE).write_text(yaml.safe_dump(spec))


def train(inputs: Path, name: str, data: DataConfig, **trainer: Any) -> Path:
    """A pretraining in the store, with what each step read written down."""
    artifact = inputs.parent / "pretrain" / name
    artifact.parent.mkdir(exist_ok=True)
    pretrain(inputs, artifact, data, checkpoint_every=0, validate_every=0, **trainer)
    config = json.loads((artifact / MANIFEST).read_text())["config"]
    write_spec(artifact, "pretrain", config, shards="1", tokenizer="1")
    return artifact


def steps_that_read(inputs: Path, artifact: Path, data: DataConfig) -> set[int]:
    """Those that were given an n-gram of the planted sentence, as training wrote its batches down."""
    encoder = TextEncoder(inputs / "tokenizer")
    ngrams = {
        tuple(ids[start : start + LEAST])
        for ids in map(encoder.encode, (PLANTED, f" {PLANTED}"))
        for start in range(len(ids) - LEAST + 1)
    }
    parts = [pack(data, TokenStream(inputs / "shards", "train", part), LENGTH) for part in ("long", "short")]
    examples, found = Concatenation(parts), set[int]()
    for line in (artifact / "data/rank-0.jsonl").read_text().splitlines():
        row = json.loads(line)
        windows = np.array(row["windows"])
        batch = examples.collate(windows, windows)
        for tokens in [*batch["input_ids"].tolist(), *batch["labels"].tolist()]:
            if any(tuple(tokens[start : start + LEAST]) in ngrams for start in range(LENGTH)):
                found.add(row["step"])
    return found


def traced(capsys: pytest.CaptureFixture[str], artifact: Path, text: str, *words: str) -> dict[str, Any]:
    trace.main([text, f"model={artifact}", f"tokens={LEAST}", "steps=1000", "output=json", *words])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("name", "data", "trainer"),
    [
        ("plain", DataConfig(), {"steps": 30}),
        ("epochs", DataConfig(), {"steps": None, "epochs": 2}),
        ("weights", DataConfig(weights={"long": 1, "short": 2}), {"steps": 150}),
        ("phases", DataConfig(phases=PHASES, packing="best_fit"), {"steps": 120}),
        ("masked", DataConfig(epochs={"long": 0.5, "short": 3}, packing="mask"), {"steps": 60}),
        ("rollback", DataConfig(), {"steps": 60}),
    ],
)
def test_the_steps_are_those_that_really_read_the_sentence(
    inputs: Path, capsys: pytest.CaptureFixture[str], name: str, data: DataConfig, trainer: dict[str, Any]
) -> None:
    if name == "rollback":  # ten steps' worth of data was left out from step 20 on
        (inputs.parent / "pretrain" / f"{name}-1").mkdir(parents=True)
        SkippedData(inputs.parent / "pretrain" / f"{name}-1").add(20, 10)
    artifact = train(inputs, f"{name}-1", data, **trainer)
    read = steps_that_read(inputs, artifact, data)
    found = traced(capsys, artifact, PLANTED, "count=1000")
    assert read
    assert {step for reading in found["readings"] for step in reading["steps"]} == read
    longest = found["readings"][:4]
    assert {r["document"]["id"] for r in longest} == {"long-7", "long-20", "short-7", "short-20"}
    assert all(r["passage"].strip() == PLANTED for r in longest)


def test_a_text_of_a_token_is_not_found_by_the_space_before_it(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = train(inputs, "space-1", DataConfig(), steps=2)
    found = traced(capsys, artifact, "Q", "count=1000")
    assert found["readings"] == []


def test_of_a_short_text_no_part_is_found_whichever_way_it_is_spelled(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind a space a word has fewer tokens: of the other spelling so many of them do not make the word."""
    encoder = TextEncoder(inputs / "tokenizer")
    lengths = len(encoder.encode("capital")), len(encoder.encode(" capital"))
    assert lengths[0] > lengths[1]
    artifact = train(inputs, "short-1", DataConfig(), steps=2)
    found = traced(capsys, artifact, "capital", "count=1000")
    assert (found["tokens"], found["tokens_behind_space"]) == lengths
    assert [reading["passage"] for reading in found["readings"]] == [" capital"] * 4
    trace.main(["capital", f"model={artifact}"])
    told = f"the text has {lengths[0]} tokens, {lengths[1]} behind a space; its training text has 4 passages with the"
    assert told in capsys.readouterr().out


def test_the_table_is_for_people(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = train(inputs, "table-1", DataConfig(), steps=2)
    trace.main([PLANTED, f"model={artifact}", "count=1", "steps=1"])
    told = capsys.readouterr().out
    assert "1 of them, the longest first" in told
    assert "Title" in told
    trace.main(["nothing of this kind 1234567890", f"model={artifact}"])
    assert "has 0 passages of 8 or more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([" "], "make trace TEXT="),
        (["text", "model=missing"], "there is no model 'missing'"),
        (["text", "token=3"], "did you mean tokens?"),
    ],
)
def test_mistakes_are_told(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        trace.main(words)
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_passages_are_the_longest_common_runs(
    seed: int, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a search of every place with every other, where few ids make many runs."""
    monkeypatch.setattr(passages, "CHUNK", chunk)
    draw, least, eos = np.random.default_rng(seed), 4, 5
    documents, text = [draw.integers(0, 5, 30) for _ in range(10)], draw.integers(0, 5, 25)
    with ShardWriter(tmp_path, "train-00000", token_dtype(6)) as writer:
        for document in documents:
            writer.write(np.append(document, eos))
    ShardIndex("<u2", 6, eos, "", {"train": [writer.file]}).save(tmp_path)
    stream = TokenStream(tmp_path, "train")
    tokens = stream.read(0, len(stream)).tolist()
    runs = []
    for start in range(len(tokens)):
        for place in range(len(text)):
            if start and place and tokens[start - 1] == text[place - 1]:
                continue
            length = 0
            while start + length < len(tokens) and place + length < len(text):
                if tokens[start + length] != text[place + length]:
                    break
                length += 1
            if length >= least:
                runs.append(Passage(start, length, least))
    kept: list[Passage] = []
    for run in runs:
        if not kept or run.start >= kept[-1].stop:
            kept.append(run)
        elif run.tokens > kept[-1].tokens:
            kept[-1] = run
    assert list(PassageFinder([text], least, 6).find(stream)) == kept
    assert kept


def test_each_spelling_that_is_shorter_is_found_as_a_whole(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "train-00000", token_dtype(9)) as writer:
        writer.write(np.array([1, 2, 3, 8, 2, 3, 8, 4, 5, 8, 5, 6, 7, 6, 8]))
    ShardIndex("<u2", 9, 8, "", {"train": [writer.file]}).save(tmp_path)
    finder = PassageFinder([np.array([1, 2, 3]), np.array([4, 5]), np.array([3, 5, 6, 7, 6])], 4, 9)
    assert list(finder.find(TokenStream(tmp_path, "train"))) == [
        Passage(0, 3, 3),
        Passage(7, 2, 2),
        Passage(10, 4, 4),
    ]


def test_no_character_is_cut_though_tokens_may_be_parts_of_one() -> None:
    """`text` is five letters of two bytes each, and each byte a token."""
    text = "αβγδε".encode()

    class Bytes:
        def decode(self, ids: list[int]) -> str:
            return bytes(ids).decode(errors="replace")

        def read(self, start: int, count: int) -> np.ndarray:
            return np.frombuffer(text, np.uint8)[start : start + count]

    def between(*places: int) -> list[str]:
        return readings.texts_between(cast(Any, Bytes()), cast(Any, Bytes()), places)

    assert between(0, 4, 6, 10) == ["αβ", "γ", "δε"]
    assert between(1, 4, 6, 9) == ["β", "γ", "δ"], "what is cut at the ends is left out"
    assert between(0, 3, 7, 10) == ["α", "βγ", "δε"]
    assert between(5, 5, 8, 8) == ["", "δ", ""]
