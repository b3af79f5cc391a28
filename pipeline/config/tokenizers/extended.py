"""Settings of a pretrained tokenizer that learns further tokens."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from pipeline.config.base import Content
from pipeline.config.pretraining import PretrainConfig
from pipeline.config.tokenizers.base import TokenizerConfig, tokenizers_version
from pipeline.errors import UserError
from pipeline.formats.model_folder import tokenizer_files
from pipeline.formats.vocabulary import Vocabulary, read_vocabulary
from pipeline.remote.listing import is_remote


class ExtendedTokenizer(TokenizerConfig):
    """The tokenizer of the weights that `pretrain.init` names, with tokens learned from the corpus behind its own. Its
    ids and merges stay; it must be a byte-level BPE."""

    implementation: ClassVar[str] = "data_prep.tokenizing.extended"

    kind: Literal["extended"] = "extended"
    path: Annotated[str | None, Content(tokenizer_files)] = None
    """The tokenizer's folder; None takes the one beside the weights."""
    add: PositiveInt = 2000
    """How many tokens to learn."""
    parts: list[str] = []
    """Parts of a mixture whose text they are learned from; empty takes all."""
    sample_mb: PositiveFloat = 200.0
    """Training text taken from the corpus, 10^6 bytes, spread evenly over its documents."""
    min_frequency: PositiveInt = 2
    """Pairs that stand less often in the sample are not merged."""
    special_tokens: list[str] = []
    """Tokens that are added behind its vocabulary where it lacks them; those that mark the turns of a chat are not
    added by themselves."""

    @property
    def pretrained_path(self) -> str | None:
        return self.path

    @property
    def adds(self) -> int:
        return self.add

    def expected_size(self) -> int | None:
        """As the base's files say, where they are on this machine."""
        vocabulary = self._base()
        if vocabulary is None:
            return None
        return vocabulary.size + self.add + len(vocabulary.lacking(self.special_tokens))

    def environment(self) -> dict[str, str]:
        return tokenizers_version()

    def problems(self) -> list[str]:
        found = super().problems()
        if self.path is None or is_remote(self.path):
            return found
        try:
            base = self._base()
        except UserError as error:
            return [*found, str(error)]
        if base is None or base.merges is None or not base.byte_level:
            found.append(
                f"the tokenizer in {self.path} is no byte-level BPE in tokenizer.json, whose merges can be continued; "
                "go on with it as it is (tokenizer=pretrained)"
            )
        return found

    def misfits(self, pretrain: PretrainConfig, parts: Collection[str]) -> list[str]:
        found = []
        if pretrain.init is None:
            found.append(
                "tokenizer=extended adds tokens to those of weights that exist: name the weights with pretrain.init=…"
            )
        if pretrain.with_state:
            found.append(
                "pretrain.with_state=true goes on with the optimizer's state, which has no rows for the tokens that "
                "tokenizer=extended adds; leave it out"
            )
        if pretrain.lora is not None:
            found.append(
                "pretrain.lora trains adapters alone, and the rows of the tokens that tokenizer=extended adds would "
                "stay as they begin; leave it out"
            )
        if pretrain.prune is not None:
            found.append(
                "pretrain.prune prunes weights as they are, and tokenizer=extended gives them more rows; do one after "
                "the other, in two runs"
            )
        if unknown := sorted(set(self.parts) - set(parts)):
            what = f"its parts are {', '.join(parts)}" if parts else "only corpus=mixture has parts"
            found.append(f"tokenizer.parts names {', '.join(unknown)}, no part of this corpus; {what}")
        return found

    def _base(self) -> Vocabulary | None:
        return None if self.path is None else read_vocabulary(Path(self.path).expanduser())
