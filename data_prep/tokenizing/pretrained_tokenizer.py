"""A tokenizer that exists already: a folder with tokenizer.json, or GPT-2's vocabulary and merges."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.tokenizing.tokenizer_models import byte_level_bpe
from pipeline.config.tokenizing import TokenizerConfig
from pipeline.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GPT2_FILES = (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt"))


def bring_tokenizer(folder: Path, config: TokenizerConfig) -> "PreTrainedTokenizerFast":
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
        else:
            tokenizer = PreTrainedTokenizerFast(
                tokenizer_object=byte_level_bpe(*_gpt2_files(folder)), clean_up_tokenization_spaces=False
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


def _gpt2_files(folder: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    for vocab_name, merges_name in GPT2_FILES:
        if (folder / vocab_name).is_file() and (folder / merges_name).is_file():
            vocab = json.loads((folder / vocab_name).read_text(encoding="utf-8"))
            lines = (folder / merges_name).read_text(encoding="utf-8").split("\n")
            pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
            return vocab, [(left, right) for left, right in pairs]
    raise UserError(
        f"tokenizer.path={folder} holds no tokenizer: it needs tokenizer.json, or vocab.bpe and "
        "encoder.json, or merges.txt and vocab.json"
    )
