"""Training a tokenizer on a sample of the corpus: what is the same for every model."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from re import Pattern
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, processors

from pipeline.config.tokenizers import TrainedTokenizer
from pipeline.config.tokenizers.base import TokenizerWithUnknown
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import sample_texts
from pipeline.text.counts import counted
from pipeline.text.text_splitting import LINE_CUT, split_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Learn = Callable[[Any, Iterator[str], bool], Tokenizer]
"""Makes the model, its normalizer, splitter and decoder out of the section, the text in pieces, and whether progress is
shown. The model has `config.learned_size` tokens, fewer where the text does not support more."""


def train_on_corpus(
    config: TrainedTokenizer, context: Context, learn: Learn, cut: Pattern[str] = LINE_CUT
) -> "PreTrainedTokenizerFast":
    """A tokenizer learned from the training split, with its special tokens.

    Args:
        cut: where the text may be cut into pieces without a change to how it is split into words.

    Raises:
        UserError: where there is no training text.
    """
    from transformers import PreTrainedTokenizerFast

    documents = context.inputs["clean"] / "documents"
    texts = list(sample_texts(documents, "train", config.sample_mb))
    size = sum(len(text.encode()) for text in texts)
    if size == 0:
        raise UserError(
            f"{documents} holds no training text; give the corpus more text or loosen clean.filters"
        )
    context.log.info(
        "training %s on %.1f MB of %s", config.choice, size / 1e6, counted(len(texts), "document")
    )
    pieces = (piece for text in texts for piece in split_text(text, cut))
    tokenizer = learn(config, pieces, context.shows_bars)
    tokenizer.add_special_tokens(config.all_special)
    named = {"eos_token": config.eos_token, "pad_token": config.pad_token}
    framing = {"cls_token": config.cls_token, "sep_token": config.sep_token, "mask_token": config.mask_token}
    named |= {name: token for name, token in framing.items() if token is not None}
    if config.cls_token is not None and config.sep_token is not None:
        tokenizer.post_processor = _frame(tokenizer, config.cls_token, config.sep_token)
    if isinstance(config, TokenizerWithUnknown):
        named["unk_token"] = config.unk_token
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **named,
        additional_special_tokens=[token for token in config.all_special if token not in named.values()],
        clean_up_tokenization_spaces=False,
    )


def _frame(tokenizer: Tokenizer, start: str, end: str) -> processors.PostProcessor:
    """Puts special tokens around texts and pairs, with token types, as BERT's tokenizer does."""
    return processors.TemplateProcessing(
        f"{start}:0 $A:0 {end}:0",
        f"{start}:0 $A:0 {end}:0 $B:1 {end}:1",
        [(token, tokenizer.token_to_id(token)) for token in (start, end)],
    )


def check_size(config: Any, tokenizer: Tokenizer, sure: float = 1.0) -> Tokenizer:
    """The tokenizer as its trainer made it, before it gets its special tokens.

    Args:
        sure: the share of its size that the same text is sure to support again.

    Raises:
        UserError: where the text did not support the vocabulary asked for.
    """
    made = config.vocab_size - config.learned_size + tokenizer.get_vocab_size()
    if made >= config.vocab_size:
        return tokenizer
    least = getattr(config, "min_frequency", 1)
    rarer = f", or lower tokenizer.min_frequency={least}" if least > 1 else ""
    raise UserError(
        f"the training text supports {made:,} {config.choice} tokens and tokenizer.vocab_size asks for "
        f"{config.vocab_size:,}; set tokenizer.vocab_size={int(made * sure)} or less, or give it more text{rarer}"
    )


def frequent_characters(texts: Iterable[str], limit: int) -> set[int]:
    """Code points of the most frequent characters; of equal counts, the lower code points."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {ord(character) for character, _ in ordered[:limit]}
