"""Settings of a tokenizer that exists already."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pipeline.config.base import Content
from pipeline.config.tokenizers.base import TokenizerConfig
from pipeline.formats.model_folder import tokenizer_files
from pipeline.formats.vocabulary import read_vocabulary


class PretrainedTokenizer(TokenizerConfig):
    """A tokenizer that exists already. It keeps its ids, and its own eos token if it has one."""

    implementation: ClassVar[str] = "data_prep.tokenizing.pretrained"

    kind: Literal["pretrained"] = "pretrained"
    path: Annotated[str, Content(tokenizer_files)]
    """A folder with tokenizer.json, or with GPT-2's vocab.bpe and encoder.json."""
    special_tokens: list[str] = []
    """Tokens that are added behind its vocabulary where it lacks them; those that mark the turns of a chat are not
    added by themselves."""

    @property
    def pretrained_path(self) -> str:
        return self.path

    def expected_size(self) -> int | None:
        """As its files say, where they are on this machine."""
        vocabulary = read_vocabulary(Path(self.path).expanduser())
        if vocabulary is None:
            return None
        return vocabulary.size + len(vocabulary.lacking(self.special_tokens))
