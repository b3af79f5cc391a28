"""A tokenizer that exists already: a folder with tokenizer.json, or GPT-2's vocabulary and merges."""

from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.tokenizing.byte_bpe import byte_level_bpe
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.config.tokenizers.pretrained import PretrainedTokenizer
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.vocabulary import read_pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def build(config: PretrainedTokenizer, context: Context) -> "PreTrainedTokenizerFast":
    folder = context.locate(config.path)
    context.log.info("taking the tokenizer in %s", folder)
    return read_tokenizer(folder, config)


def read_tokenizer(folder: Path, config: TokenizerConfig) -> "PreTrainedTokenizerFast":
    """The folder's tokenizer, its ids unchanged.

    Its own eos token stays; without one, it is `config.eos_token`. Without a pad token, eos serves as one.
    The configured special tokens that it lacks are added behind its vocabulary.

    Raises:
        UserError: where the folder holds no tokenizer or a damaged one.
    """
    from transformers import PreTrainedTokenizerFast

    try:
        if (folder / "tokenizer.json").is_file():
            tokenizer = PreTrainedTokenizerFast.from_pretrained(
                folder, clean_up_tokenization_spaces=False, trust_remote_code=False
            )
        elif (pair := read_pair(folder)) is not None:
            vocab, merges = pair
            pairs = (merge.split(" ") for merge in merges)
            backend = byte_level_bpe(vocab, [(first, second) for first, second in pairs])
            tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False)
        else:
            raise UserError(
                f"tokenizer.path={folder} holds no tokenizer: it needs tokenizer.json, or vocab.bpe and "
                "encoder.json, or merges.txt and vocab.json"
            )
    except UserError:
        raise
    except Exception as error:  # `tokenizers` raises bare Exception
        raise UserError(
            f"the tokenizer in {folder} cannot be read ({error}); fetch its files again"
        ) from None
    if tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": config.eos_token})
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if config.special_tokens:
        tokenizer.add_special_tokens(
            {"extra_special_tokens": config.special_tokens}, replace_extra_special_tokens=False
        )
    return tokenizer
