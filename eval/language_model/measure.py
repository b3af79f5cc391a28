"""Language modelling on the corpus's held-out split and on other texts: perplexities of the models and of counting."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from eval.language_model.document_scores import DocumentScores
from eval.language_model.kneser_ney import MOST_TRAINING_TOKENS as MOST_TRIGRAM_TOKENS
from eval.language_model.kneser_ney import KneserNey
from eval.language_model.ngram import MOST_TRAINING_TOKENS, ArrayStream, Bigram, Counts, check_fitting_text
from eval.language_model.perplexity import check_window, document_nats, perplexity_results, stream_losses
from eval.language_model.text import TokenizedText, refuse_same_names, tokenize_file, tokenize_split
from eval.results import Bootstrap, Result
from pipeline.config.evaluation import PerplexityConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.shards import TokenStream
from pipeline.formats.tokenizers import TextEncoder, load_tokenizer, tokenizer_hash
from pipeline.progress import progress
from pipeline.store.file_hashes import hash_file
from train.checkpoints.final_model import describe_model
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Text:
    """The held-out split, or a file, in the ids of one tokenizer."""

    stream: TokenizedText
    tokenizer: "PreTrainedTokenizerFast"
    tokenizer_hash: str
    source: str
    """What it is, for signatures."""
    file: str | None = None
    """The file's name."""

    @classmethod
    def encode(cls, tokenizer_artifact: Path, config: PerplexityConfig, context: Context) -> list[Self]:
        """The corpus's split, where this run has one, and then each file of `evaluate.perplexity.files`.

        Raises:
            UserError: where one of them has no text, or two files have one name.
        """
        tokenizer = load_tokenizer(tokenizer_artifact)
        # GPT-2's tokenizer names its eos as unknown token, and never uses it as such.
        unk_id = None if tokenizer.unk_token_id == tokenizer.eos_token_id else tokenizer.unk_token_id
        encoder, digest = TextEncoder(tokenizer_artifact), tokenizer_hash(tokenizer_artifact)
        texts: list[Self] = []
        if "clean" in context.inputs:
            split = tokenize_split(
                context.inputs["clean"] / "documents",
                encoder,
                config,
                context.folder,
                unk_id=unk_id,
                show_progress=context.run.progress,
            )
            texts.append(cls(split, tokenizer, digest, f"split:{config.split}"))
        files = context.locate_files(config.files)
        refuse_same_names(files)
        for path in files:
            stream = tokenize_file(path, encoder, config, context.folder, unk_id=unk_id)
            source = f"file:{path.name},sha256:{hash_file(path)[:12]}"
            texts.append(cls(stream, tokenizer, digest, source, path.name))
        return texts

    def signature(self, config: PerplexityConfig) -> str:
        words = "whitespace, letters in scripts without spaces" + "+line ends" * config.count_line_ends
        tokens = len(self.stream.tokens)
        unknown = f"|unk:{self.stream.unknown / tokens:.2%}" if self.stream.unknown else ""
        return (
            f"{self.source}|tokens:{tokens}|words:{words}|documents:joined by eos"
            f"|tokenizer:{self.tokenizer_hash[:12]}{unknown}"
        )


def check_tokenizer(artifact: Path, tokenizer: "PreTrainedTokenizerFast", digest: str) -> None:
    """Raises: UserError: where the model was trained with another tokenizer, or lacks rows for some of its
    ids."""
    description = describe_model(artifact)
    rows = description["vocab_size"]
    if description.get("tokenizer", digest) != digest or len(tokenizer) > rows:
        raise UserError(
            f"the model in {artifact} has {rows:,} token ids and the tokenizer {len(tokenizer):,}: it was "
            "trained with another one; evaluate it with its own, or train it again"
        )


def model_results(
    name: str,
    model: LanguageModel,
    text: Text,
    config: PerplexityConfig,
    bootstrap: Bootstrap,
    context: Context,
    kept: list[DocumentScores] | None = None,
) -> list[Result]:
    """Perplexities and bits per byte of a model.

    Args:
        kept: gets what each document costs the model.

    Raises:
        UserError: where the window does not fit the model or the text, or the model's training has diverged.
    """
    window = config.context or model.context
    stride = config.stride or max(1, window // 2)
    tokens = text.stream.tokens
    check_window(len(tokens), text.file or f"the {config.split} split", window, model)
    if stride > window:
        raise UserError(
            f"evaluate.perplexity.stride={stride} is longer than its context of {window}: tokens in between "
            "would not be scored; set it to at most that"
        )
    what = f"{name} on {text.file}" if text.file else name
    with progress(f"scoring {what}", len(tokens), "tokens", enabled=context.run.progress) as bar:
        pieces = stream_losses(model, tokens, text.stream.eos_id, window, stride, config.batch_size)
        nats = document_nats(pieces, text.stream.ends, bar.advance)
    check_finite(nats, what, "finetune.optim.lr" if name == "finetune" else "optim.lr")
    if kept is not None:
        stream = text.stream
        kept.append(DocumentScores(name, text.file, nats, stream.ends, stream.words, stream.bytes))
    signature = f"{text.signature(config)}|context:{window}|stride:{stride}"
    results = _perplexities(name, nats, text, bootstrap, signature)
    return [replace(result, file=text.file) for result in results]


def _perplexities(
    name: str, nats: np.ndarray, text: Text, bootstrap: Bootstrap, signature: str
) -> list[Result]:
    stream = text.stream
    return perplexity_results(name, nats, stream, bootstrap, signature, by_characters=stream.by_characters)


def check_finite(losses: np.ndarray, what: str, rate: str) -> None:
    """Raises: UserError: where some of the losses are not finite; `what` was scored, `rate` is the key to change."""
    if not np.isfinite(losses).all():
        raise UserError(
            f"{what}: the loss is not finite, so this model's training has diverged; lower its learning rate "
            f"({rate}), or see to trainer.guard"
        )


def ngram_results(
    shards: Path, text: Text, config: PerplexityConfig, bootstrap: Bootstrap, context: Context
) -> list[Result]:
    """Perplexities and bits per byte of a unigram, an interpolated bigram and a Kneser-Ney trigram model of the
    training split."""
    training = TokenStream(shards, "train")
    check_fitting_text(training.index.tokens("validation"))
    validation = TokenStream(shards, "validation")
    if training.index.tokenizer != text.tokenizer_hash:
        raise UserError(
            f"the shards in {shards} were made with another tokenizer; run the shards stage again, or set "
            "evaluate.ngram_baselines=false"
        )
    scored, eos = ArrayStream(text.stream.tokens), text.stream.eos_id
    total = min(len(training), MOST_TRAINING_TOKENS)
    with progress("counting", total, "tokens", enabled=context.run.progress) as bar:
        counts = Counts.of(training, training.index.vocab_size, eos, bar.advance)
    bigram = Bigram(counts, validation, eos)

    def nats(order: int) -> np.ndarray:
        pieces: Iterator[tuple[int, np.ndarray]] = (
            (start, (unigram, pair)[order - 1]) for start, unigram, pair in bigram.losses(scored, eos)
        )
        return document_nats(pieces, text.stream.ends)

    signature = f"{text.signature(config)}|smoothing:jelinek-mercer|counted:{counts.tokens}"
    most = min(len(training), MOST_TRIGRAM_TOKENS)
    with progress("counting triples", most, "tokens", enabled=context.run.progress) as bar:
        trigram = KneserNey(training, training.index.vocab_size, eos, bar.advance)
    triples = document_nats(trigram.losses(scored), text.stream.ends)
    other = f"{text.signature(config)}|smoothing:modified-kneser-ney|counted:{trigram.tokens}"
    return [
        *_perplexities("unigram", nats(1), text, bootstrap, signature),
        *_perplexities("bigram", nats(2), text, bootstrap, signature),
        *_perplexities("trigram", triples, text, bootstrap, other),
    ]
