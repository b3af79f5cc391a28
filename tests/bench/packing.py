"""What keeping documents apart does to a small model: `python -m tests.bench.packing sentences|texts`.

Trains the same model on the same number of tokens under each `data.packing`, and scores held-out documents, each by
itself from an eos on. The ways take turns within each seed. Needs the real data in `$LM_DATA`. Prints a Markdown table.
"""

import argparse
import json
import logging
import math
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pipeline.config.data import DataConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.stages import PretrainStage
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.shards import ShardFile, ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.formats.tokenizers import save_tokenizer, tokenizer_hash
from pipeline.tracking.tracker import Tracker
from train.checkpoints.final_model import load_model
from train.data.packing import PackedDocuments, packing_figures
from train.pretrain import run

VOCAB, LENGTH, BATCH = 1024, 128, 16
MODEL = DecoderConfig(layers=2, hidden=64, heads=4, context=LENGTH)
WAYS = ("concatenate", "mask", "best_fit")


def sentences(data: Path) -> list[str]:
    """English sentences, about nine tokens each."""
    lines = (data / "tatoeba-zh-en/cmn.txt").read_text(encoding="utf-8-sig").splitlines()
    return list(dict.fromkeys(line.split("\t")[0] for line in lines))


def texts(data: Path) -> list[str]:
    """Abstracts of papers, and instructions with their answers: up to a few hundred tokens each."""
    found = []
    for line in (data / "scitldr/SciTLDR-A.train.jsonl").read_text().splitlines():
        found.append(" ".join(json.loads(line)["source"]))
    for line in (data / "instruct/dolly_hhrlhf_train_small.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.append(f"{row['prompt']}\n{row['response']}")
    for row in json.loads((data / "instruct/rasbt_instruction-data.json").read_text()):
        found.append("\n".join(filter(None, (row["instruction"], row["input"], row["output"]))))
    return list(dict.fromkeys(found))


def write_inputs(folder: Path, documents: list[str]) -> None:
    """Tokenizer and shards, one document in ten held out."""
    random.Random(1).shuffle(documents)
    held_out = documents[: len(documents) // 10]
    training = documents[len(held_out) :]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(False), decoders.ByteLevel()
    backend.train_from_iterator(
        training,
        trainers.BpeTrainer(
            vocab_size=VOCAB,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
    save_tokenizer(tokenizer, folder / "tokenizer" / TOKENIZER_FOLDER)
    (folder / "shards").mkdir()
    splits: dict[str, list[ShardFile]] = {}
    for split, of_split in (("train", training), ("validation", held_out)):
        with ShardWriter(folder / "shards", f"{split}-00000", token_dtype(VOCAB)) as writer:
            for encoding in backend.encode_batch(of_split):
                writer.write(np.array([*encoding.ids, 0]))
        splits[split] = [writer.file]
    identity = tokenizer_hash(folder / "tokenizer")
    ShardIndex(token_dtype(VOCAB).name, VOCAB, 0, identity, splits).save(folder / "shards")


def pretrain(inputs: Path, folder: Path, packing: str, seed: int, tokens: int) -> None:
    folder.mkdir()
    paths = {name: inputs / name for name in ("shards", "tokenizer")}
    context = Context(folder, paths, Tracker(folder), logging.getLogger("bench"), RunConfig(progress=False))
    trainer = TrainerConfig(
        tokens=tokens,
        global_batch=BATCH,
        threads=1,  # so that seconds of the process are seconds of work
        validate_every=0,
        checkpoint_every=0,
        sample_every=0,
        log_every=20,
    )
    config = PretrainStage(
        seed=seed,
        data=DataConfig(packing=packing),
        model=MODEL,
        objective=CausalConfig(),
        optim=AdamWConfig(lr=3e-3),
        schedule=CosineSchedule(),
        trainer=trainer,
        strategy=StrategyConfig.choose("single"),
    )
    run(config, context)


@torch.no_grad()
def score(model: torch.nn.Module, documents: PackedDocuments) -> float:
    """Perplexity per token of documents that each stand alone, eos included."""
    total, count = 0.0, 0
    for first in range(0, len(documents), 16):
        indices = np.arange(first, min(first + 16, len(documents)))
        loss = model(**documents.collate(indices, indices))
        total, count = total + float(loss.total), count + int(loss.tokens)
    return math.exp(total / count)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.packing", description=__doc__)
    parser.add_argument("documents", choices=["sentences", "texts"])
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    data = Path(os.environ.get("LM_DATA", "data"))
    found: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        inputs = Path(name)
        write_inputs(inputs, {"sentences": sentences, "texts": texts}[args.documents](data))
        stream = TokenStream(inputs / "shards", "train")
        tokens, documents = round(args.epochs * len(stream)), len(stream.document_starts()) - 1
        print(
            f"{documents:,} documents of {len(stream) / documents:.0f} tokens, {tokens / 1e6:.2f}M trained on"
        )
        print(packing_figures(stream, LENGTH, len(PackedDocuments(stream, LENGTH))), "\n")
        held_out = PackedDocuments(TokenStream(inputs / "shards", "validation"), LENGTH)
        for seed in range(1, args.seeds + 1):
            for way in WAYS:
                folder = inputs / f"{way}-{seed}"
                started = time.process_time()
                pretrain(inputs, folder, way, seed, tokens)
                scores, seconds = found[way]
                seconds.append(time.process_time() - started)
                scores.append(score(load_model(folder).eval(), held_out))
                print(f"seed {seed}, {way}: {scores[-1]:.2f} after {seconds[-1]:.0f} s of CPU", flush=True)
    print(
        "\n| packing | perplexity of held-out documents, by seed | mean | seconds of CPU | against concatenate |"
    )
    print("|---|---|---|---|---|")
    base = statistics.mean(found["concatenate"][1])
    for way, (scores, seconds) in found.items():
        listed = ", ".join(f"{value:.2f}" for value in scores)
        mean, cost = statistics.mean(scores), statistics.mean(seconds)
        print(f"| {way} | {listed} | {mean:.2f} | {cost:.0f} | {cost / base:.2f}× |")


if __name__ == "__main__":
    main()
