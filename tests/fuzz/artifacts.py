"""Files of finished and unfinished stages: each is read as the next stage, or the next start, reads it."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from data_prep.tokenizing import pretrained
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.tokenizers.pretrained import PretrainedTokenizer
from pipeline.formats.checkpoints import Checkpoint, checkpoint_folder, complete, list_checkpoints, rank_file
from pipeline.formats.documents import Document, DocumentWriter, read_documents, sample_texts
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream
from pipeline.formats.tokenizers import TextEncoder, load_tokenizer, save_tokenizer
from pipeline.store.artifacts import PARTIAL, Store, finish
from pipeline.store.file_hashes import hash_file
from pipeline.store.integrity import check_files
from tests.fuzz.corpora import TEXTS
from tests.fuzz.mutations import mutated
from train.checkpoints.files import Reader, Writer
from train.checkpoints.final_model import load_model, save_model
from train.checkpoints.pieces import StatePiece
from train.finetuning.base_model import base_in_folder
from train.models import build_model

SMALL = DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=32)


def artifact_round(
    make: Callable[[Path], None], read: Callable[[Path], None]
) -> Callable[[], Callable[[Path, Random], None]]:
    """A round that damages one file of what `make` writes, and reads all of it."""

    def target() -> Callable[[Path, Random], None]:
        sound = Path(tempfile.mkdtemp(prefix="fuzz-"))
        make(sound)
        files = sorted(path.relative_to(sound) for path in sound.rglob("*") if path.is_file())

        def one(folder: Path, random: Random) -> None:
            copy = folder / "copy"
            shutil.copytree(sound, copy)
            path = copy / random.choice(files)
            if random.random() < 0.05:
                path.unlink()
            else:
                path.write_bytes(mutated(path.read_bytes(), random))
            read(copy)

        return one

    return target


def write_documents(folder: Path) -> None:
    with DocumentWriter(folder, "train", shard_mb=1) as writer:
        for number, text in enumerate(TEXTS):
            writer.write(Document(str(number), text, "Title", "fuzz", {"n": number}))


def read_all_documents(folder: Path) -> None:
    list(read_documents(folder, "train"))
    list(sample_texts(folder, "train", 0.001))


def write_shards(folder: Path) -> None:
    with ShardWriter(folder, "train-00000", np.dtype("<u2")) as writer:
        for length in (5, 9, 1):
            writer.write(np.arange(length, dtype=np.uint32))
    ShardIndex(
        dtype="uint16", vocab_size=300, eos_id=0, tokenizer="0" * 64, splits={"train": [writer.file]}
    ).save(folder)


def read_shards(folder: Path) -> None:
    stream = TokenStream(folder, "train")
    stream.document_starts()
    stream.read(0, len(stream))


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    special = ["<|endoftext|>", "<|pad|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({token: n for n, token in enumerate([*special, *alphabet])}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=special[0], pad_token=special[1])


def write_tokenizer(folder: Path) -> None:
    save_tokenizer(tokenizer(), folder / "tokenizer")


def read_tokenizer(folder: Path) -> None:
    encoder = TextEncoder(folder)
    encoder.encode_batch(TEXTS)
    load_tokenizer(folder)(TEXTS)


def read_pretrained_tokenizer(folder: Path) -> None:
    pretrained.read_tokenizer(folder / "tokenizer", PretrainedTokenizer(path="x"))(TEXTS)


def write_model(folder: Path) -> None:
    save_model(folder, build_model(SMALL, 258).state_dict(), SMALL, 258, tokenizer="0" * 64)


def write_hf_folder(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    settings = LlamaConfig(
        vocab_size=258, max_position_embeddings=64, eos_token_id=0, bos_token_id=0, **sizes
    )
    LlamaForCausalLM(settings).save_pretrained(folder)
    save_tokenizer(tokenizer(), folder)


def read_hf_folder(folder: Path) -> None:
    base_in_folder(folder).load()
    build_model(HuggingFaceConfig(path=str(folder), context=16), 258)


def write_checkpoint(folder: Path) -> None:
    writing = checkpoint_folder(folder, 4).with_suffix(".writing")
    writing.mkdir(parents=True)
    writer = Writer()
    writer.start([StatePiece("w", "weight", 0, torch.arange(6.0))], writing / rank_file(0))
    writer.wait()
    hashes = {rank_file(0): hash_file(writing / rank_file(0))}
    complete(
        Checkpoint(checkpoint_folder(folder, 4), 4, 64, 1.0, 1.0, "single", 1, 0.1, 4, hashes=hashes), writing
    )


def read_checkpoint(folder: Path) -> None:
    for checkpoint in list_checkpoints(folder):
        if checkpoint.damage() is None:
            Reader(checkpoint).weights({"w": torch.Size([6])})


def write_artifact(folder: Path) -> None:
    partial = folder / "clean" / f"demo-0123456789abcdef{PARTIAL}"
    partial.mkdir(parents=True)
    (partial / "stats.json").write_text('{"documents": 1}')
    facts: Any = {
        "stage": "clean",
        "version": 1,
        "fingerprint": "0123456789abcdef",
        "config": {},
        "inputs": {},
    }
    finish(partial, {**facts, "metrics": {"documents": 1}, "input_fingerprints": {}})


def read_artifact(folder: Path) -> None:
    check_files(Store(folder).find("clean", "0123456789abcdef"))


ARTIFACTS = {
    "documents": artifact_round(write_documents, read_all_documents),
    "shards": artifact_round(write_shards, read_shards),
    "tokenizer": artifact_round(write_tokenizer, read_tokenizer),
    "pretrained tokenizer": artifact_round(write_tokenizer, read_pretrained_tokenizer),
    "model": artifact_round(write_model, load_model),
    "model folder": artifact_round(write_hf_folder, read_hf_folder),
    "checkpoint": artifact_round(write_checkpoint, read_checkpoint),
    "manifest": artifact_round(write_artifact, read_artifact),
}
