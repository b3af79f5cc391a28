"""Documents that share a sequence: which tokens are read and counted, and that models see one document at a time."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.data import DataConfig
from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.formats.shared_arrays import SharedArrays
from train.data.batches import PADDING, Concatenation, TokenWindows
from train.data.packing import MaskedWindows, PackedDocuments, best_fit, pack, packing_figures
from train.models import IGNORE_INDEX, ModelFamily, build_model, family

EOS, VOCAB = 0, 50


def stream(folder: Path, documents: list[list[int]], part: str = "", per_file: int = 40) -> TokenStream:
    """Documents, an eos after each, in several files."""
    prefix, files = f"train-{part}" if part else "train", []
    rest = [np.array([*document, EOS]) for document in documents]
    while rest:
        with ShardWriter(folder, f"{prefix}-{len(files):05d}", token_dtype(VOCAB), part) as writer:
            size = 0
            while rest and size < per_file:
                size += len(rest[0])
                writer.write(rest.pop(0))
        files.append(writer.file)
    ShardIndex("<u2", VOCAB, EOS, "hash", {"train": files}).save(folder)
    return TokenStream(folder, "train", part)


def documents() -> st.SearchStrategy[list[list[int]]]:
    document = st.lists(st.integers(1, VOCAB - 1), max_size=30)
    return st.lists(document, min_size=1, max_size=25)


def best_fit_decreasing(sizes: list[int], capacity: int) -> list[int]:
    """The textbook's: room of each bin."""
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        fitting = [room for room in rooms if room >= size]
        if fitting:
            rooms.remove(min(fitting))
            rooms.append(min(fitting) - size)
        else:
            rooms.append(capacity - size)
    return sorted(rooms)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=200))
@settings(max_examples=300, deadline=None)
def test_bins_are_those_of_best_fit_decreasing(sizes: list[int]) -> None:
    bins = best_fit(np.array(sizes), 20)
    rooms = 20 - np.bincount(bins, weights=sizes)
    assert sorted(rooms) == best_fit_decreasing(sizes, 20)


@given(documents=documents(), per_file=st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_every_token_is_a_label_once_and_what_precedes_it_is_read(
    documents: list[list[int]], per_file: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        packed = PackedDocuments(stream(Path(name), documents, per_file=per_file), 8)
        indices = np.arange(len(packed))
        batch = packed.collate(indices, indices)
        counts = packed.target_counts(indices, indices)
    ids, labels, segments = (batch[name].numpy() for name in ("input_ids", "labels", "segments"))
    assert (counts == (labels != IGNORE_INDEX).sum(1)).all()
    pieces = []
    for row in range(len(ids)):
        for start in np.unique(segments[row]):
            mine = (segments[row] == start) & (labels[row] != IGNORE_INDEX)
            if mine.any():
                assert (np.flatnonzero(mine) == np.arange(start, start + mine.sum())).all()
                pieces.append((ids[row][mine].tolist(), labels[row][mine].tolist()))
    expected = []
    for document in documents:
        inputs, targets = [EOS, *document], [*document, EOS]
        expected += [(inputs[i : i + 8], targets[i : i + 8]) for i in range(0, len(targets), 8)]
    assert sorted(pieces) == sorted(expected)


def test_masked_windows_are_the_windows_and_a_document_begins_at_its_eos(tmp_path: Path) -> None:
    tokens = stream(tmp_path, [[1, 2, 3], [4], [5, 6, 7, 8, 9], [], [10]])
    both = np.arange(2)
    plain, masked = (kind(tokens, 7).collate(both, both) for kind in (TokenWindows, MaskedWindows))
    assert plain["input_ids"].tolist() == [[1, 2, 3, 0, 4, 0, 5], [6, 7, 8, 9, 0, 0, 10]]
    assert masked["segments"].tolist() == [[0, 0, 0, 3, 3, 5, 5], [0, 0, 0, 0, 4, 5, 5]]
    for name in ("input_ids", "labels"):
        assert torch.equal(plain[name], masked[name])


def test_parts_of_a_corpus_as_one(tmp_path: Path) -> None:
    one = pack(DataConfig(packing="best_fit"), stream(tmp_path, [[1, 2, 3], [4, 5]]), 4)
    (tmp_path / "b").mkdir()
    two = pack(DataConfig(packing="best_fit"), stream(tmp_path / "b", [[6, 7]] * 3), 4)
    whole = Concatenation([one, two])
    assert len(whole) == len(one) + len(two) == 5
    batch = whole.collate(np.array([4, 0, PADDING, 2, 1]), np.arange(5))
    assert batch["labels"].tolist() == [
        [6, 7, 0, IGNORE_INDEX],
        [1, 2, 3, 0],
        [IGNORE_INDEX] * 4,
        [6, 7, 0, IGNORE_INDEX],
        [4, 5, 0, IGNORE_INDEX],
    ]
    assert whole.target_counts(np.array([4, 0, 1]), np.arange(3)).tolist() == [3, 4, 3]


def test_figures_against_concatenation(tmp_path: Path) -> None:
    tokens = stream(tmp_path, [[1] * 5, [2] * 4, [3] * 19])  # 6 + 5 + 20 tokens
    packed = PackedDocuments(tokens, 8)
    figures = packing_figures(tokens, 8, len(packed))
    assert (figures.sequences, figures.windows) == (5, 3)  # 8, 8, 6, 5 and the long one's rest of 4
    assert figures.padding == pytest.approx(1 - 31 / 40)
    assert figures.cut == pytest.approx(1 / 3)
    assert figures.cut_by_windows == pytest.approx(2 / 3)


def test_damaged_offsets_are_found(tmp_path: Path) -> None:
    tokens = stream(tmp_path, [[1, 2, 3], [4, 5]])
    np.save(tmp_path / "train-00000.idx.npy", np.array([0, 4, 6]))
    with pytest.raises(UserError, match=r"train-00000\.idx\.npy is missing or damaged"):
        PackedDocuments(tokens, 4)


MODELS = {
    "gpt2": DecoderConfig(layout="gpt2", layers=2, hidden=32, heads=4, context=16, init_std=0.2),
    "llama": DecoderConfig(layers=2, hidden=32, heads=4, kv_heads=2, context=16, init_std=0.2),
    "qwen3": DecoderConfig(layout="qwen3", layers=2, hidden=32, heads=4, kv_heads=1, context=16, init_std=0.2),
    "local": DecoderConfig(layout="qwen3", layers=2, hidden=32, heads=4, context=16, init_std=0.2, sliding_window=5),
    "lstm": LSTMConfig(layers=2, hidden=16, embedding=12, context=16, dropout=0.0),
    "gru": LSTMConfig(cell="gru", attention=8, layers=1, hidden=16, embedding=12, context=16, dropout=0.0),
    "hf": HuggingFaceConfig(
        config={"model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "intermediate_size": 64, "initializer_range": 0.2},
        context=16,
    ),
}  # fmt: skip


@pytest.fixture(params=list(MODELS))
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return MODELS[request.param]


def built(config: ModelConfig) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(config, VOCAB)


@pytest.fixture
def batch(tmp_path: Path) -> dict[str, torch.Tensor]:
    """Three rows: a piece of a long document; three documents and padding; one document and padding."""
    lengths = (4, 3, 4, 20)
    texts = [[1 + (7 * i + n) % (VOCAB - 1) for i in range(size)] for n, size in enumerate(lengths)]
    batch = PackedDocuments(stream(tmp_path, texts), 16).collate(np.arange(3), np.arange(3))
    assert sorted(len(torch.unique(row)) for row in batch["segments"]) == [1, 2, 4]
    return batch


def alone(batch: dict[str, torch.Tensor]) -> list[tuple[int, slice]]:
    """Row and places of each document."""
    found = []
    for row, segments in enumerate(batch["segments"]):
        starts = torch.unique(segments).tolist()
        found += [(row, slice(a, b)) for a, b in zip(starts, [*starts[1:], len(segments)], strict=True)]
    return found


def test_a_packed_document_is_read_as_if_it_stood_alone(config: ModelConfig, batch: dict) -> None:
    model = built(config).eval()
    packed = model(batch["input_ids"], segments=batch["segments"])
    for row, places in alone(batch):
        expected = model(batch["input_ids"][row : row + 1, places])
        torch.testing.assert_close(packed[row : row + 1, places], expected, atol=1e-5, rtol=1e-5)
    mixed = model(batch["input_ids"])
    assert (packed - mixed).abs().max() > 1e-3  # without segments it is another thing


@pytest.mark.parametrize("how", ["plain", "recomputed", "compiled"])
def test_its_gradients_are_those_of_the_documents_alone(config: ModelConfig, batch: dict, how: str) -> None:
    if how == "recomputed" and isinstance(config, LSTMConfig):
        pytest.skip("an LSTM has no blocks to recompute")
    if how == "compiled" and config not in (MODELS["qwen3"], MODELS["local"]):
        pytest.skip("compiling takes long; this layout has all there is")
    packed, single = built(config).train(), built(config).train()
    if how == "recomputed":
        packed.gradient_checkpointing = True
    if how == "compiled":
        packed.compile(backend="aot_eager")  # what inductor makes of the graph is torch's matter
    loss = packed(**batch)
    loss.total.backward()
    total = torch.zeros(())
    for row, places in alone(batch):
        ids, labels = (batch[name][row : row + 1, places] for name in ("input_ids", "labels"))
        total = total + single(ids, labels).total
    total.backward()
    torch.testing.assert_close(loss.total, total, atol=1e-4, rtol=1e-5)
    for (name, ours), theirs in zip(packed.named_parameters(), single.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-4, rtol=1e-4, msg=name)


def test_in_bf16_too(batch: dict) -> None:
    model = built(MODELS["llama"]).eval()
    with torch.autocast("cpu", torch.bfloat16):
        packed = model(batch["input_ids"], segments=batch["segments"])
        for row, places in alone(batch):
            expected = model(batch["input_ids"][row : row + 1, places])
            torch.testing.assert_close(packed[row : row + 1, places], expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "qwen3", "gemma3_text"])
def test_architectures_of_transformers_that_keep_documents_apart(kind: str) -> None:
    model = transformers_model(kind)
    model.check_segments()
    assert model.training


@pytest.mark.parametrize("kind", ["bloom", "mamba"])
def test_architectures_that_cannot_are_refused(kind: str) -> None:
    with pytest.raises(UserError, match="cannot keep documents apart"):
        transformers_model(kind).check_segments()


def test_a_family_that_says_nothing_of_documents_is_refused() -> None:
    with pytest.raises(UserError, match=r"use data\.packing=concatenate"):
        ModelFamily().check_segments(None)
    for config in (DecoderConfig(), LSTMConfig()):
        family(config).check_segments(None)


def transformers_model(kind: str) -> torch.nn.Module:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    if kind == "gpt2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4}
    elif kind in ("mistral", "qwen3", "gemma3_text"):
        sizes |= {"num_key_value_heads": 2, "head_dim": 8}
    return built(HuggingFaceConfig(config={"model_type": kind, **sizes}, context=16))


def test_a_million_documents_are_packed_with_hardly_a_gap() -> None:
    sizes = np.clip(np.random.default_rng(0).lognormal(5.5, 1.2, 1_000_000), 1, 2048).astype(np.int64)
    bins = best_fit(sizes, 2048)
    filled = np.bincount(bins, weights=sizes)
    assert filled.max() <= 2048
    assert filled.sum() / (2048 * len(filled)) > 0.999


def test_one_rank_plans_and_the_others_map_what_it_made(tmp_path: Path) -> None:
    documents = [[1] * size for size in (5, 3, 9, 2, 2, 7, 1)]
    stream(tmp_path, documents)
    alone = PackedDocuments(TokenStream(tmp_path, "train"), 8)
    with ThreadPoolExecutor() as pool:
        shared = [SharedArrays(tmp_path / "scratch", makes=rank == 0) for rank in range(3)]
        streams = [TokenStream(tmp_path, "train", shared=arrays) for arrays in shared]
        ranks = list(pool.map(lambda tokens: PackedDocuments(tokens, 8), reversed(streams)))
    every = np.arange(len(alone))
    for packed in ranks:
        assert isinstance(packed._starts, np.memmap)
        assert (packed.target_counts(every, every) == alone.target_counts(every, every)).all()
        for name, rows in alone.collate(every, every).items():
            assert packed.collate(every, every)[name].equal(rows)
    (tmp_path / "train-00000.idx.npy").unlink(missing_ok=True)
    assert len(PackedDocuments(streams[0], 8)) == len(alone), "what an earlier launch made is used"
