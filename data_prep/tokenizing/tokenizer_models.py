"""The kinds of tokenizer, each trained on a sample of text: BPE, WordPiece, Unigram, characters."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import regex
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from data_prep.tokenizing.bpe_trainer import learn_merges
from pipeline.config.tokenizing import TokenizerConfig
from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.text.text_splitting import (
    GPT2_CUT,
    GPT2_PATTERN,
    LINE_CUT,
    NEWLINES,
    modern_pattern,
    split_text,
)

MAX_WORD_BYTES = 256
"""Longer pre-tokens (a base64 blob) are cut for training: a merge walks through all of each word it is in."""


def train_tokenizer(config: TokenizerConfig, texts: Iterable[str], show_progress: bool) -> Tokenizer:
    """A tokenizer of the configured kind with its special tokens.

    Raises:
        UserError: where the text is empty or does not support the vocabulary asked for.
    """
    cut = GPT2_CUT if config.kind == "bpe" and config.pattern == "gpt2" else LINE_CUT
    pieces = (piece for text in texts for piece in split_text(text, cut))
    tokenizer = _KINDS[config.kind](config, pieces, show_progress)
    tokenizer.add_special_tokens(special_tokens(config))
    made = tokenizer.get_vocab_size()
    if made < config.vocab_size and config.kind != "char":
        # The trainers of `tokenizers` break ties at random: a little less is sure to work again.
        enough = made if config.kind == "bpe" else made * 9 // 10
        rarer = (
            f", or lower tokenizer.min_frequency={config.min_frequency}" if config.min_frequency > 1 else ""
        )
        raise UserError(
            f"the training text supports {made:,} {config.kind} tokens and tokenizer.vocab_size asks for "
            f"{config.vocab_size:,}; set tokenizer.vocab_size={enough} or less, or give it more text{rarer}"
        )
    return tokenizer


def special_tokens(config: TokenizerConfig) -> list[str]:
    """Each once, in order. Byte-level tokenizers know every text: no unknown token."""
    unknown = [] if config.kind in ("bpe", "pretrained") else [config.unk_token]
    return list(dict.fromkeys([*unknown, config.eos_token, config.pad_token, *config.special_tokens]))


def byte_characters() -> list[str]:
    """The printable character that stands for each byte in a byte-level vocabulary (Radford et al., 2019)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def byte_level_bpe(
    vocab: dict[str, int], merges: list[tuple[str, str]], pattern: str | None = None
) -> Tokenizer:
    """A byte-level BPE; without a pattern, text is split by `tokenizers`' own code for GPT-2's."""
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _train_bpe(config: TokenizerConfig, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    """Ids: the 256 bytes in order, then the merges' results, then the special tokens."""
    pattern = GPT2_PATTERN if config.pattern == "gpt2" else modern_pattern(config.han_run)
    wanted = _model_size(config) - 256
    counts = _count_words(pattern, pieces)
    with progress("merges", wanted, "merges", enabled=show_progress) as bar:
        learned = learn_merges(counts, wanted, config.min_frequency, bar.advance)
    characters = byte_characters()
    vocab = {character: byte for byte, character in enumerate(characters)}
    merges = []
    for left, right in learned:
        pair = ("".join(characters[byte] for byte in left), "".join(characters[byte] for byte in right))
        merges.append(pair)
        vocab.setdefault("".join(pair), len(vocab))
    return byte_level_bpe(vocab, merges, None if config.pattern == "gpt2" else pattern)


def _count_words(pattern: str, pieces: Iterable[str]) -> Counter[bytes]:
    words: Counter[str] = Counter()
    # V1 is the syntax in which `&&` intersects character classes, as Oniguruma has it.
    find = regex.compile(pattern, flags=regex.V1).findall
    for piece in pieces:
        words.update(find(piece))
    counts: Counter[bytes] = Counter()
    for word, count in words.items():
        encoded = word.encode()
        for start in range(0, len(encoded), MAX_WORD_BYTES):
            counts[encoded[start : start + MAX_WORD_BYTES]] += count
    return counts


def _train_wordpiece(config: TokenizerConfig, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    """Cased, split as for BERT (Devlin et al., 2019): at spaces and punctuation, each Han character alone."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=config.unk_token))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    size = _model_size(config)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=config.min_frequency,
        special_tokens=[config.unk_token],
        # A character takes up to two tokens, one at a word's start and one inside; rare ones stay unknown.
        limit_alphabet=max(size // 2, 1),
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator(pieces, trainer)
    return tokenizer


def _train_unigram(config: TokenizerConfig, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    """Kudo (2018), with spaces kept as `▁`, so that all but unknown characters decodes to what it was."""
    tokenizer = Tokenizer(models.Unigram())
    metaspace = {"replacement": "▁", "prepend_scheme": "never"}
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(NEWLINES), "isolated"), pre_tokenizers.Metaspace(**metaspace)]
    )
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    size = _model_size(config)
    kept = list(pieces)
    alphabet = _frequent_characters(kept, max(3 * size // 4, 1))
    # The trainer makes a token of every character it sees; rare ones shall stay unknown, as in SentencePiece.
    rare = dict.fromkeys({ord(character) for text in kept for character in set(text)} - alphabet, "\n")
    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        special_tokens=[config.unk_token],
        unk_token=config.unk_token,
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator((text.translate(rare) if rare else text for text in kept), trainer)
    return tokenizer


def _train_characters(config: TokenizerConfig, pieces: Iterator[str], _show_progress: bool) -> Tokenizer:
    """The most frequent characters, up to the size of the vocabulary: a BPE without merges."""
    characters = _frequent_characters(pieces, _model_size(config) - 1)
    tokens = [config.unk_token, *(chr(code) for code in sorted(characters))]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: id for id, token in enumerate(tokens)}, merges=[], unk_token=config.unk_token
        )
    )
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _model_size(config: TokenizerConfig) -> int:
    """Tokens of the model itself, the unknown one included.

    The other special tokens are added behind them: a model that holds one as a token could make it from text.
    """
    return config.vocab_size - len(set(special_tokens(config)) - {config.unk_token})


def _frequent_characters(texts: Iterable[str], limit: int) -> set[int]:
    """Code points of the most frequent characters; of equal counts, the lower code points."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {ord(character) for character, _ in ordered[:limit]}


_KINDS: dict[str, Callable[[TokenizerConfig, Iterator[str], bool], Tokenizer]] = {
    "bpe": _train_bpe,
    "wordpiece": _train_wordpiece,
    "unigram": _train_unigram,
    "char": _train_characters,
}
