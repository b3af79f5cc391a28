"""The tokenizer stage: train a tokenizer on the corpus, or bring one, and prove that it fits the text."""

from data_prep.tokenizing import build_tokenizer
from data_prep.tokenizing.extension_figures import compare_with_base
from pipeline.config.stages import TokenizerStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import sample_texts
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import TextEncoder, save_tokenizer
from pipeline.store.manifest import StageMetrics
from pipeline.text.words import count_words, is_unspaced, word_name

CHECK_MB = 4.0
"""Validation text on which a tokenizer is checked and measured, 10^6 bytes."""
LONGEST = 50
SEGMENTED = 8


def run(config: TokenizerStage, context: Context) -> StageMetrics:
    """Writes `tokenizer/`, which `transformers.AutoTokenizer` loads.

    Raises:
        UserError: where the corpus is empty, too small for the vocabulary, or not restored by decoding.
    """
    documents = context.inputs["clean"] / "documents"
    tokenizer = build_tokenizer(config.tokenizer, context)
    save_tokenizer(tokenizer, context.folder / TOKENIZER_FOLDER)

    encoder = TextEncoder(context.folder)
    split = "validation"
    texts = list(sample_texts(documents, split, CHECK_MB))
    if not texts:
        split = "train"
        texts = list(sample_texts(documents, split, CHECK_MB))
        context.log.info("the corpus has no validation documents: the tokenizer is checked on training text")
    if not texts:
        raise UserError(f"{documents} holds no text to check the tokenizer on; give the corpus more text")
    metrics, word = _measure(encoder, texts, split, tokenizer.unk_token)
    if config.tokenizer.adds:
        metrics |= compare_with_base(encoder, split, CHECK_MB, context)
    _show(encoder, texts, context)
    context.log.info(
        "%s tokens; on %s text %.2f bytes a token, %s, %.3f%% unknown",
        f"{encoder.vocab_size:,}",
        split,
        metrics["bytes_per_token"],
        f"{metrics['characters_per_token']:.2f} characters a token"
        if word == "character"
        else f"{metrics['fertility']:.2f} tokens a word",
        100 * metrics["unknown_rate"],
    )
    return {**metrics, "word": word}


def _measure(
    encoder: TextEncoder, texts: list[str], split: str, unk_token: str | None
) -> tuple[dict[str, float], str]:
    """How well the tokenizer serves the texts, and what a word of theirs is.

    `fertility` is tokens per word (Rust et al., 2021), or per letter where a script has no spaces.
    """
    unknown_id = encoder.token_to_id(unk_token) if unk_token else None
    tokens = unknown = size = words = characters = 0
    for text, ids in zip(texts, encoder.encode_batch(texts), strict=True):
        if encoder.is_byte_level and (restored := encoder.decode(ids.tolist())) != text:
            raise UserError(_difference(text, restored, split))
        tokens += len(ids)
        unknown += 0 if unknown_id is None or encoder.is_byte_level else int((ids == unknown_id).sum())
        size += len(text.encode())
        counted = count_words(text)
        words += counted
        characters += counted if is_unspaced(text) else 0
    figures = {
        "vocab_size": encoder.vocab_size,
        "bytes_per_token": size / tokens,
        "characters_per_token": sum(map(len, texts)) / tokens,
        "fertility": tokens / max(words, 1),
        "unknown_rate": unknown / tokens,
    }
    return figures, word_name(words, characters)


def _difference(text: str, restored: str, split: str) -> str:
    pairs = enumerate(zip(text, restored, strict=False))
    at = next((place for place, (a, b) in pairs if a != b), min(len(text), len(restored)))
    return (
        f"the tokenizer does not restore {split} text: {text[max(at - 20, 0) : at + 20]!r} came back as "
        f"{restored[max(at - 20, 0) : at + 20]!r}; a byte-level tokenizer must restore every text. If it is "
        "a pretrained one that normalizes text, set clean.normalization to its form; else choose another"
    )


def _show(encoder: TextEncoder, texts: list[str], context: Context) -> None:
    vocabulary = sorted(encoder.vocabulary().items(), key=lambda item: (-len(item[1]), item[0]))
    context.tracker.table(
        "longest_tokens", ["token", "characters", "id"], [[t, len(t), i] for i, t in vocabulary[:LONGEST]]
    )
    rows = []
    for text in texts[:: max(len(texts) // SEGMENTED, 1)][:SEGMENTED]:
        start = " ".join(text[:400].split())[:200]
        ids = encoder.encode(start)
        rows.append([start, " | ".join(encoder.decode([id]) for id in ids), len(ids)])
    context.tracker.table("segmentations", ["text", "tokens", "count"], rows)
