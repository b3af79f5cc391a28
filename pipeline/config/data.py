"""Where the text comes from and how it becomes tokens: corpus, tokenizer and shards."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import CONTENT, NEUTRAL, Content, Section
from pipeline.formats.model_folder import tokenizer_files, wikitext_files


def installed_version(package: str) -> str | None:
    """Version of an installed package, by the name it is imported under; None where it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


class PythonDocsCorpus(Section):
    """English prose that every machine has: docstrings and topics of Python and installed packages."""

    kind: Literal["python_docs"] = "python_docs"
    packages: list[str] = [
        "numpy",
        "numpy._core",
        "torch",
        "pandas",
        "pyarrow",
        "datasets",
        "pytorch_lightning",
        "transformers.generation",
        "transformers.pipelines",
    ]
    """Installed packages, or parts of them, whose docstrings are read besides the standard library's.

    Absent ones are skipped, and so are private folders that are not named here."""
    max_mb: PositiveFloat | None = None
    """Stop after this much text (10^6 bytes); None takes all there is."""

    def environment(self) -> dict[str, str]:
        packages = sorted({name.partition(".")[0] for name in self.packages})
        return {"python": platform.python_version()} | {
            name: version for name in packages if (version := installed_version(name)) is not None
        }


class WikiTextCorpus(Section):
    """WikiText-2 or WikiText-103 (Merity et al., 2016), with its own train, validation and test splits."""

    kind: Literal["wikitext"] = "wikitext"
    size: Annotated[Literal["2", "103"], BeforeValidator(str)] = "2"
    form: Literal["tokens", "raw"] = "raw"
    """`tokens`: rare words are `<unk>`, punctuation is spaced. `raw`: the text before that.
    In a folder that only has the other form, that one is taken."""
    path: Annotated[str | None, Content(wikitext_files)] = None
    """Folder with wiki.{train,valid,test}.{tokens,raw}; None downloads through `datasets`."""


class WikipediaCorpus(Section):
    """Article dumps of a Wikimedia project."""

    kind: Literal["wikipedia"] = "wikipedia"
    project: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "enwiki"
    """Database name: enwiki, zhwiki, simplewiki, enwiktionary, …"""
    date: Annotated[str, BeforeValidator(str), Field(pattern=r"^(latest|\d{8})$")] = "latest"
    """Day of the dump, YYYYMMDD, or `latest`: the newest complete one at the time of the download. Name a day
    where a result must be repeatable elsewhere."""
    parts: PositiveInt | None = None
    """Only the first parts of the dump, for a try; None takes all."""
    mirror: Annotated[str, Field(pattern=r"^https?://")] = "https://dumps.wikimedia.org"
    connections: Annotated[PositiveInt, Field(le=3), NEUTRAL] = 2
    """Parallel downloads; the site asks for at most three."""
    retries: Annotated[NonNegativeInt, NEUTRAL] = 8
    """Attempts after one that brought nothing, with growing pauses."""


class HubCorpus(Section):
    """Any data set of the Hugging Face hub that has a text column."""

    kind: Literal["hub"] = "hub"
    path: Annotated[str, Content(or_name=True)]
    """`owner/name`, or a local folder: of data files, or written by `save_to_disk`."""
    name: str | None = None
    """Configuration of the data set."""
    revision: str | None = None
    """Branch, tag or commit; name a commit where a result must be repeatable."""
    text_field: str = "text"
    splits: Annotated[dict[Literal["train", "validation", "test"], str], Field(min_length=1)] = {
        "train": "train"
    }
    """Our split to theirs, slices like `train[:10%]` included. A lone one is divided by a hash of the ids."""
    streaming: Annotated[bool, NEUTRAL] = False
    """Read over the network without a copy in the cache; slices need the copy."""

    def problems(self) -> list[str]:
        return [] if "train" in self.splits else ["splits.train is missing: name their split to train on"]


class FilesCorpus(Section):
    """Files, by path or glob: local ones, or in an object store."""

    kind: Literal["files"] = "files"
    paths: Annotated[list[str], CONTENT, Field(min_length=1)]
    """Files, folders (with all below them, links to other folders followed) and globs, also `s3://…`, `gs://…`, …;
    hidden files are left out, and of folders hidden ones with all below them. No file is taken twice."""
    format: Literal["auto", "text", "jsonl", "parquet", "mediawiki"] = "auto"
    """`auto` goes by the ending: .txt .text .md, .jsonl .jsonl.gz, .parquet, .xml .xml.bz2 .xml.gz (MediaWiki)."""
    text_field: str = "text"
    """Column or key that holds the text in jsonl and parquet."""
    split_documents: Literal["auto"] | bool = "auto"
    """Whether a blank line ends a document in text files, or each file is one document. `auto` takes a file as one,
    unless it is clearly a list of short texts: at least 100 blocks between blank lines in its first MB, of which at
    most 5% have fewer than 200 characters. Else a file of more than 16 MB is cut at a blank line about every MB."""


PartConfig = Annotated[
    PythonDocsCorpus | WikiTextCorpus | WikipediaCorpus | HubCorpus | FilesCorpus, Field(discriminator="kind")
]
PartName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


class MixtureCorpus(Section):
    """Several corpora, cleaned, deduplicated and tokenized together; `data` says how training mixes them."""

    kind: Literal["mixture"] = "mixture"
    parts: Annotated[dict[PartName, PartConfig], Field(min_length=1)]
    """The corpora by name, each with a `kind` and that kind's keys: {wiki: {kind: wikipedia}, notes: {kind: files,
    paths: [notes]}}."""

    def problems(self) -> list[str]:
        return [f"parts.{name}.{problem}" for name, part in self.parts.items() for problem in part.problems()]


CorpusConfig = Annotated[
    PythonDocsCorpus | WikiTextCorpus | WikipediaCorpus | HubCorpus | FilesCorpus | MixtureCorpus,
    Field(discriminator="kind"),
]


def may_hold_wikipedia(corpus: Section) -> bool:
    """Whether a MediaWiki dump is in the corpus, as far as the configuration tells."""
    if isinstance(corpus, MixtureCorpus):
        return any(map(may_hold_wikipedia, corpus.parts.values()))
    if isinstance(corpus, FilesCorpus):
        return corpus.format == "mediawiki" or any(".xml" in Path(path).name for path in corpus.paths)
    return isinstance(corpus, WikipediaCorpus)


def may_hold_out(corpus: Section, split: Literal["validation", "test"]) -> bool:
    """Whether the corpus may bring such a split itself, as far as the configuration tells."""
    if isinstance(corpus, MixtureCorpus):
        return any(may_hold_out(part, split) for part in corpus.parts.values())
    return isinstance(corpus, WikiTextCorpus) or (isinstance(corpus, HubCorpus) and split in corpus.splits)


class TokenizerConfig(Section):
    """The tokenizer: trained on the corpus, or brought."""

    kind: Literal["bpe", "wordpiece", "unigram", "char", "pretrained"] = "bpe"
    """`bpe` is byte-level and restores every text exactly."""
    vocab_size: PositiveInt = 4096
    path: Annotated[str | None, Content(tokenizer_files)] = None
    """For `pretrained`: a folder with tokenizer.json, or with GPT-2's vocab.bpe and encoder.json."""
    sample_mb: PositiveFloat = 200.0
    """Training text taken from the corpus, 10^6 bytes, spread evenly over its documents."""
    min_frequency: PositiveInt = 2
    """Pairs (bpe, wordpiece) that stand less often in the sample are not merged."""
    pattern: Literal["modern", "gpt2"] = "modern"
    """How bpe splits text into words first. `modern`: as Llama 3 (digits in threes, a line break ends a word), with
    combining marks inside words and `han_run`."""
    eos_token: str = "<|endoftext|>"
    pad_token: str = "<|pad|>"
    unk_token: str = "<|unk|>"
    """For the kinds that are not byte-level."""
    special_tokens: list[str] = ["<|user|>", "<|assistant|>", "<|end|>"]
    """Further tokens that are never split; these mark the turns of a chat."""
    han_run: PositiveInt | None = 4
    """For the `modern` pattern: longest run of Han characters that may become one token; keeps training on Chinese
    fast. None sets no bound."""

    def problems(self) -> list[str]:
        if self.kind == "pretrained" and self.path is None:
            return ["tokenizer.path is missing: kind=pretrained needs a folder"]
        if "" in (self.eos_token, self.pad_token, self.unk_token, *self.special_tokens):
            return [
                "eos_token, pad_token, unk_token and special_tokens must not be empty: give each some characters"
            ]
        special = len({self.eos_token, self.pad_token, *self.special_tokens})
        smallest, what = (256 + special, "bytes") if self.kind == "bpe" else (50 + special, "characters")
        if self.kind != "pretrained" and self.vocab_size < smallest:
            return [
                f"tokenizer.vocab_size={self.vocab_size} is below the {smallest} that {what} and special "
                "tokens need"
            ]
        return []


class ShardsConfig(Section):
    """Token shards."""

    shard_mb: PositiveInt = 256
    """Text, 10^6 bytes, of which at least so much becomes one .bin file: a run of whole files of documents. The last
    file of a split, or of a part in it, may have less."""
    workers: Annotated[PositiveInt | None, NEUTRAL] = None
    """Processes; None takes every core this process may use."""
