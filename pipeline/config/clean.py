"""From raw input to documents: what of the markup is kept, and what is filtered, deduplicated and protected."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import CONTENT, NEUTRAL, Fraction, Section
from pipeline.config.filters import FilterConfig
from pipeline.formats.canaries import CanaryFormat


class MarkupConfig(Section):
    """What of a MediaWiki page is kept besides its prose."""

    headings: bool = True
    """Headings with something below them, as paragraphs."""
    lists: bool = True
    """List items and definitions; text that is only indented always stays."""
    tables: Literal["drop", "text"] = "drop"
    """`text`: the caption, then a line per row with ` | ` between its cells; one that spans rows is in each of them."""
    math: Literal["drop", "latex"] = "drop"
    """`latex`: formulas as `$…$`."""
    captions: bool = False
    """Captions of framed images and galleries, as paragraphs after the block that they stand in."""
    link_targets: bool = False
    """Titles that the article links to, in the document's `meta.links`: without sections, each once."""
    infobox: bool = False
    """Facts of the article's infoboxes, in the document's `meta.infobox`: a list of `{"name": …, "facts": {…}}`."""


class NearDuplicatesConfig(Section):
    """MinHash with locality-sensitive hashing (Broder, 1997; Leskovec et al., Mining of Massive Datasets, ch. 3).

    Two documents whose sets of shingles have Jaccard similarity `s` become candidates with probability
    1 - (1 - s^rows)^bands: 0.998 at 0.8 with the defaults, 0.27 at 0.5. Candidates are compared before one is dropped.
    """

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Jaccard similarity from which the later document is dropped."""
    shingle_words: PositiveInt = 5
    """Words in a row; characters where a script has no spaces."""
    bands: PositiveInt = 20
    """More find more pairs, below the threshold too, and take more time and disk."""
    rows: PositiveInt = 6
    """Hashes per band. Fewer find less similar pairs."""
    sketch: PositiveInt = 512
    """Smallest hashes (4 bytes each) kept of a document for the comparison: exact for documents of fewer shingles."""


class DeduplicateConfig(Section):
    """What is dropped because it stands in the corpus already. What a corpus itself holds out always stays."""

    documents: Literal["none", "exact", "near"] = "exact"
    """`exact`: equal to an earlier document, white space and case aside. `near`: nearly equal, too."""
    near: NearDuplicatesConfig = NearDuplicatesConfig()
    paragraphs: bool = False
    """Take out paragraphs that stand in an earlier document, white space and case aside."""
    min_paragraph_chars: PositiveInt = 100
    """Shorter paragraphs always stay."""
    lines: bool = False
    """Take out lines that stand in an earlier document, white space and case aside, as CCNet does (Wenzek et al.,
    2020): menus, notices, licence headers."""
    min_line_chars: PositiveInt = 50
    """Shorter lines always stay."""
    sentences: bool = False
    """Take out sentences that stand in an earlier document, white space and case aside, much as C4 does (Raffel et al.,
    2020), which compares three in a row."""
    min_sentence_chars: PositiveInt = 50
    """Shorter sentences always stay."""
    passages: bool = False
    """Take out passages that stand in an earlier document (Lee et al., 2022), wherever they begin and end, case and
    punctuation aside. Takes some 30 bytes of disk per word while it runs."""
    passage_words: Annotated[int, Field(ge=2)] = 50
    """Words in a row that make a passage; characters where a script has no spaces. Longer ones are taken out whole."""


class PiiConfig(Section):
    """Personal data: addresses and numbers that belong to somebody."""

    action: Literal["keep", "replace", "drop"] = "keep"
    """`replace`: by a placeholder such as `<EMAIL>`. `drop`: the whole document."""
    kinds: Annotated[list[Literal["email", "ip", "phone", "iban", "card"]], Field(min_length=1)] = [
        "email",
        "ip",
        "phone",
        "iban",
        "card",
    ]


class ContaminationConfig(Section):
    """No evaluation text in the training corpus: overlap in n-grams (Brown et al., 2020, appendix C)."""

    action: Literal["auto", "off", "report", "drop", "mask"] = "auto"
    """`auto`: `drop` where a Wikipedia dump meets WikiText, else `report`. `mask` takes the paragraphs out that hold
    evaluation text; `report` counts only."""
    ngram: PositiveInt = 13
    """Words in a row; where a script has no spaces, twice as many characters, which are about as many words."""
    min_matches: PositiveInt = 10
    """Different n-grams of one evaluation text that a document must hold, or more than half of a short one's: fewer
    may be a stock sentence. 10 n-grams of 13 words are a passage of 22 words."""
    files: Annotated[list[str], CONTENT] = []
    """Further evaluation files: text, jsonl, json, csv, tsv, parquet or WikiText. Those of the run itself (what corpora
    hold out, `evaluate.perplexity.files`, test examples of fine-tuning) are compared anyway. All of them are in the
    fingerprint: other files make the corpus, and all behind it, anew."""


class CanariesConfig(Section):
    """Texts with random secrets, planted in the training split as documents of their own, after all filters and
    deduplication. Evaluate tells how well the model remembers them (Carlini et al., 2019, "The Secret Sharer")."""

    count: NonNegativeInt = 0
    """Canaries for each number of repeats, and as many that are never planted, for comparison. 0 plants none."""
    repeats: Annotated[list[PositiveInt], Field(min_length=1)] = [1, 4, 16]
    """Documents that are the same canary."""
    format: str = "The secret number is {digits:9}."
    """A canary's text. Its secret stands in one slot or several: `{digits:9}`, `{letters:9}` or `{hex:9}`, of so many
    random characters."""
    seed: int = 0
    """What secrets and places are drawn from."""

    def problems(self) -> list[str]:
        if not self.count:
            return []
        found = []
        if len(set(self.repeats)) < len(self.repeats):
            found.append(f"repeats={self.repeats} names a number twice; leave one of them out")
        if problem := CanaryFormat.problem(self.format):
            return [*found, f"format={self.format!r} {problem}"]
        size, needed = CanaryFormat(self.format).size, self.count * (len(self.repeats) + 1)
        if needed > size:
            found.append(
                f"format={self.format!r} has room for {size:,} secrets, and count={self.count} asks for {needed:,}, "
                "those that are never planted included; lengthen the slot, or lower count"
            )
        return found


class CleanConfig(Section):
    """From raw input to documents."""

    detokenize: bool = False
    """Undo WikiText's tokenization (` @-@ `, spaced punctuation); its `<unk>` stay."""
    normalization: Literal["NFC", "NFKC", "none"] = "NFC"
    chinese: Literal["as_is", "simplified", "traditional"] = "as_is"
    """Convert documents in Chinese with OpenCC (`pip install opencc`), and take that wording of variant markup."""
    lowercase: bool = False
    """Write all text in small letters. A model of it never writes a capital one, and what a sentence, a name or a
    German noun is it has to tell without them. Held-out text of the corpus is treated alike, files scored by path are
    not."""
    stopwords: list[str] = []
    """Words that are taken out of the text, case aside; `english` stands for a list of English function words. For
    counting words and for old classifiers: a language model of such text cannot write a sentence, and its perplexity
    says nothing of one that can. Words are what stands between spaces and punctuation, so in Chinese there are hardly
    any."""
    namespaces: list[int] = [0]
    """Namespaces of a MediaWiki dump to keep; 0 holds the articles."""
    keep_disambiguations: bool = False
    """Keep pages that only list the meanings of their title."""
    markup: MarkupConfig = MarkupConfig()
    max_page_mb: PositiveFloat = 16.0
    """A page of a dump with more wikitext (10^6 bytes) is dropped: MediaWiki's own limit is 2 MiB."""
    damage: Annotated[Literal["fail", "skip"], NEUTRAL] = "fail"
    """A cut or damaged dump: `fail` reads on, tells all that is lost, and fails. `skip` does without it."""
    filters: FilterConfig = Field(default_factory=FilterConfig)
    deduplicate: DeduplicateConfig = DeduplicateConfig()
    pii: PiiConfig = PiiConfig()
    contamination: ContaminationConfig = ContaminationConfig()
    canaries: CanariesConfig = CanariesConfig()
    validation_fraction: Fraction = 0.01
    """Share of the documents held out by a hash of their id, where the corpus has no such split itself."""
    test_fraction: Fraction = 0.01
    max_documents: PositiveInt | None = None
    """Stop after this many, from the beginning of the input, not counting what the corpus itself holds out; None takes
    all there are. The templates of a dump are then not read: what they show is told by their common names alone."""
    piece_mb: PositiveInt = 32
    """Input, 10^6 bytes as it lies on disk, that is cleaned at a time: what one process takes, what is kept when the
    stage is killed, and what becomes one Parquet file per split."""
    workers: Annotated[PositiveInt | None, NEUTRAL] = None
    """Processes; None takes every core this process may use, fewer for a small corpus."""

    def problems(self) -> list[str]:
        if self.validation_fraction + self.test_fraction >= 1:
            return [
                f"validation_fraction={self.validation_fraction} and test_fraction={self.test_fraction} "
                "leave nothing to train on; lower one"
            ]
        return []
