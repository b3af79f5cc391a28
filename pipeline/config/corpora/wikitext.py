"""The settings of WikiText."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from pipeline.config.base import Content
from pipeline.config.corpora.base import SingleCorpus
from pipeline.formats.model_folder import wikitext_files


class WikiTextCorpus(SingleCorpus):
    """WikiText-2 or WikiText-103 (Merity et al., 2016), with its own train, validation and test splits."""

    implementation: ClassVar[str] = "data_prep.sources.wikitext"

    kind: Literal["wikitext"] = "wikitext"
    size: Annotated[Literal["2", "103"], BeforeValidator(str)] = "2"
    form: Literal["tokens", "raw"] = "raw"
    """`tokens`: rare words are `<unk>`, punctuation is spaced. `raw`: the text before that.
    In a folder that only has the other form, that one is taken."""
    path: Annotated[str | None, Content(wikitext_files, otherwise="or download it: corpus.path=null")] = None
    """Folder with wiki.{train,valid,test}.{tokens,raw}; None downloads through `datasets`."""

    def may_hold_out(self, split: Literal["validation", "test"]) -> bool:
        return True
