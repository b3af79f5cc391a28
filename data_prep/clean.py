"""The clean stage: raw corpus to documents in Parquet, split, with a tally of what was dropped and why.

Its phases: `prepare` cuts the input into pieces; `survey` reads the templates of dumps, and `learn` what they show;
`extract` makes candidates of each piece, by itself; `decide` sees all of them at once, for what stands in the corpus
twice; `write` writes each piece's documents, and canaries between them. The documents do not
depend on how many processes or machines take part, byte for byte, and memory does not grow with the corpus.
"""

from collections.abc import Mapping
from pathlib import Path

from data_prep.cleaning.data_card import DATA_CARD, write_data_card
from data_prep.cleaning.decide import KEYS, decide_pieces, pieces_in_use
from data_prep.cleaning.extract import Extractor
from data_prep.cleaning.hold_out import MOST_OF_FEW
from data_prep.cleaning.losses import describe_losses
from data_prep.cleaning.planting import canaries_of
from data_prep.cleaning.tally import Tally, WrittenTally
from data_prep.cleaning.template_cache import cache_path, read_learned, write_learned
from data_prep.cleaning.template_survey import TemplateSurveyor, dump_pieces, learn_rules
from data_prep.cleaning.write_documents import PieceWriter
from data_prep.contamination.benchmark_texts import compared_items
from data_prep.contamination.guard import evaluation_texts, guard_action
from data_prep.contamination.index import build_index
from data_prep.filters import options
from data_prep.mediawiki.dump import read_site
from data_prep.parallel.map_pieces import map_pieces, read_tallies
from data_prep.reading.pieces import Parts, Piece, load_plan, plan_pieces, save_plan
from data_prep.reading.splits import HELD_OUT
from pipeline.config.clean import CleanConfig
from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.config.stages import CleanStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.benchmark_items import write_compared
from pipeline.formats.canaries import write_canaries
from pipeline.formats.documents import SPLITS, ends_in_words
from pipeline.formats.source import load_parts
from pipeline.store.artifacts import write_json
from pipeline.store.manifest import StageMetrics
from pipeline.store.markers import is_done
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated

DOCUMENTS_FOLDER = "documents"
STATS_FILE = "stats.json"
PLAN, EVALUATION, TEMPLATES = "plan.json", "evaluation", "templates.json"
"""In the scratch folder."""
MUCH_PLANTED = 0.01
"""Share of canaries in the training text from which a warning is given."""


def prepare(config: CleanStage, context: Context) -> None:
    """Plan the pieces, and index the evaluation texts that must not be trained on.

    Raises:
        UserError: where a file is gone, has changed or is none of its format.
    """
    clean, parts = config.clean, load_parts(context.inputs["download"])
    for source, folder in parts.values():
        for file in source.files:
            source.check_unchanged(file, folder)
    context.scratch.mkdir(exist_ok=True)
    if is_done(context.scratch / PLAN):
        return
    for source, folder in parts.values():
        if clean.detokenize and source.format != "wikitext" and len(parts) == 1:
            raise UserError(
                f"clean.detokenize=true undoes WikiText's tokenization, but {source.name} is no WikiText; "
                "set it to false"
            )
        # What is no dump is found before the first is cleaned, which may take hours.
        for file in source.files if source.format == "mediawiki" else ():
            read_site(source.locate(file, folder))
    pieces = plan_pieces(parts, clean.piece_mb * 1_000_000)
    action = guard_action(config, parts)
    if action != "off":
        texts = evaluation_texts(config, context, parts, pieces)
        count = build_index(texts, clean.contamination, context.scratch / EVALUATION)
        context.log.info("training documents are compared with %s evaluation texts: %s", f"{count:,}", action)
    if dump_pieces(parts, pieces) and not clean.max_documents:
        known = read_learned(cache_path(Path(context.run.artifacts), parts), context.log)
        if known is not None:
            write_learned(context.scratch / TEMPLATES, known)
    save_plan(pieces, context.scratch / PLAN, (context.scratch / EVALUATION).glob("*"))


def survey(config: CleanStage, context: Context) -> None:
    """Write down what the templates of this process's share of the pieces say by themselves."""
    clean, parts = config.clean, load_parts(context.inputs["download"])
    if clean.max_documents or read_learned(context.scratch / TEMPLATES, context.log) is not None:
        return
    pieces = dump_pieces(parts, load_plan(context.scratch / PLAN))
    surveyor = TemplateSurveyor(parts, context.scratch / "survey")
    map_pieces(surveyor, pieces, context, "survey", clean.workers, "clean.workers", surveyor.made)


def learn(config: CleanStage, context: Context) -> None:
    """Resolve what the templates of a dump show, for this cleaning and all others of the same dump.

    Of a try of a few documents, the templates are not read: they stand all over the dump.
    """
    clean, parts = config.clean, load_parts(context.inputs["download"])
    if read_learned(context.scratch / TEMPLATES, context.log) is not None:
        return
    pieces = dump_pieces(parts, load_plan(context.scratch / PLAN))
    learned = {} if clean.max_documents else learn_rules(context.scratch / "survey", pieces)
    if pieces and not clean.max_documents:
        write_learned(cache_path(Path(context.run.artifacts), parts), learned)
    for key, of_wiki in learned.items():
        rules, disambiguations = of_wiki["rules"], of_wiki["disambiguations"]
        context.log.info(
            "%s: of the wiki's templates %s show words, and %s mark disambiguations",
            *(
                key.split(" ")[0],
                f"{sum(rule != '' for rule in rules.values()):,}",
                f"{len(disambiguations):,}",
            ),
        )
    write_learned(context.scratch / TEMPLATES, learned)


def extract(config: CleanStage, context: Context) -> None:
    """Make candidates of this process's share of the pieces.

    Raises:
        UserError: where a file is damaged or has another shape than the source says.
    """
    clean, parts = config.clean, load_parts(context.inputs["download"])
    pieces = load_plan(context.scratch / PLAN)
    action = guard_action(config, parts)
    evaluation = context.scratch / EVALUATION if action != "off" else None
    candidates, keys = context.scratch / "extract", context.scratch / KEYS
    extractor = Extractor(clean, parts, candidates, keys, action, evaluation, context.scratch / TEMPLATES)
    found = 0

    def enough(tally: WrittenTally) -> bool:
        nonlocal found
        found += tally["trainable"]
        return clean.max_documents is not None and found >= clean.max_documents

    map_pieces(extractor, pieces, context, "extract", clean.workers, "clean.workers", extractor.made, enough)


def decide(config: CleanStage, context: Context) -> None:
    """Say which candidates and paragraphs stand in the corpus already, and what is held out besides."""
    guarded = guard_action(config, load_parts(context.inputs["download"])) in ("drop", "mask")
    decide_pieces(_pieces(config, context), config.clean, context, guarded)


def write(config: CleanStage, context: Context) -> None:
    """Write the documents of this process's share of the pieces."""
    documents = context.folder / DOCUMENTS_FOLDER
    documents.mkdir(exist_ok=True)
    writer = PieceWriter(config.clean, context.scratch, documents)
    workers = config.clean.workers
    map_pieces(writer, _pieces(config, context), context, "write", workers, "clean.workers", writer.made)


def _pieces(config: CleanStage, context: Context) -> list[Piece]:
    """Those that were extracted and are needed."""
    return pieces_in_use(load_plan(context.scratch / PLAN), config.clean, context)


def run(config: CleanStage, context: Context) -> StageMetrics:
    """Add up the tallies of the pieces: `stats.json`, the data card, and what W&B shows.

    Raises:
        UserError: where the corpus is empty, no training document is left, or a dump is damaged.
    """
    clean, parts = config.clean, load_parts(context.inputs["download"])
    pieces, tally = _pieces(config, context), Tally()
    for phase in ("extract", "write"):
        for piece_tally in read_tallies(context, phase, pieces):
            tally.add(piece_tally)
    funnel = tally.funnel
    for line in funnel.lines():
        context.log.info("%s", line)
    if funnel.ends:
        context.log.info("%s", ends_in_words(funnel.ends))
    _check_damage(tally, clean, context)
    _check_not_empty(tally, parts)
    if tally.contamination.documents:
        context.log.info(
            counted(tally.contamination.documents, "document holds", "documents hold") + " evaluation text"
        )
    stats = tally.stats(parts, clean, guard_action(config, parts))
    write_json(context.folder / STATS_FILE, stats)
    _tell_of_benchmarks(config, tally, context)
    write_data_card(stats, context.folder / DATA_CARD)
    _list_canaries(tally, clean, context)
    context.tracker.table("funnel", ["step", "documents", "megabytes"], list(funnel.rows()))
    context.tracker.table("dropped_examples", ["reason", "title", "beginning"], sorted(funnel.examples))
    for part in parts:
        if part and not funnel.tagged("parts", part):
            context.log.warning(
                "no document of corpus.parts.%s is left: see what was dropped, and leave the part out or loosen that",
                part,
            )
    for split in HELD_OUT:
        if getattr(clean, f"{split}_fraction") and not funnel.documents(split):
            context.log.warning("no text is held out for %s: there is too little of it; bring more", split)
    if few := {split: count for split in HELD_OUT if 0 < (count := funnel.documents(split)) < FEWEST_UNITS}:
        context.log.warning(
            "%s figures have no confidence intervals, and `make compare` cannot test whether they differ; bring more "
            "documents of about the same length, at least %d in all, or have text files cut into several at their "
            "blank lines with corpus.split_documents=true",
            *(_few_in_words(few), FEWEST_UNITS / MOST_OF_FEW),
        )
    if losses := describe_losses(funnel):
        context.log.warning("%s", losses)
    return _metrics(tally)


def _few_in_words(few: Mapping[str, int]) -> str:
    """The beginning of what is told of splits with so many documents."""
    splits_by_count: dict[int, list[str]] = {}
    for split, count in few.items():
        splits_by_count.setdefault(count, []).append(split)
    told = [
        f"{enumerated(splits)} {'are each' if splits[1:] else 'is'} "
        f"{'a single document' if count == 1 else f'only {count} documents'}"
        for count, splits in splits_by_count.items()
    ]
    return f"{enumerated(told)}: {'its' if {*splits_by_count} == {1} else 'their'}"


def _tell_of_benchmarks(config: CleanStage, tally: Tally, context: Context) -> None:
    if not config.compared_benchmarks:
        return
    compared = compared_items(context.scratch / EVALUATION, tally.contamination)
    write_compared(context.folder, compared)
    for name, items in compared.items():
        context.log.info(
            "benchmark %s: %s of %s stand in the training text, %s too short to be found",
            *(name, f"{len(items['contaminated']):,}", counted(items["items"], "item")),
            counted(len(items["too_short"]), "is", "are"),
        )


def _list_canaries(tally: Tally, clean: CleanConfig, context: Context) -> None:
    if not clean.canaries.count:
        return
    write_canaries(context.folder, canaries_of(clean.canaries))
    documents, size = tally.planted["documents"], tally.planted["bytes"]
    share = size / (size + tally.funnel.split_bytes("train"))
    context.log.info(
        "planted %s as canaries: %.3f%% of the training text", counted(documents, "document"), 100 * share
    )
    if share > MUCH_PLANTED:
        context.log.warning(
            "canaries are %.1f%% of the training text, which changes the model that they are to tell of; lower "
            "clean.canaries.count or its repeats",
            100 * share,
        )


def _check_damage(tally: Tally, clean: CleanConfig, context: Context) -> None:
    for lost in tally.damage:
        context.log.warning(
            "%s: %s at byte %s; about %s bytes are lost",
            *(lost["file"], lost["reason"], f"{lost['offset']:,}", f"{lost['bytes']:,}"),
        )
    if tally.damage and clean.damage == "fail":
        first = tally.damage[0]
        files = ", ".join(sorted({lost["file"] for lost in tally.damage}))
        raise UserError(
            f"{files} is cut or damaged in {counted(len(tally.damage), 'place')}, first at byte {first['offset']:,}: "
            f"{first['reason']}. Download it again and compare its checksum; or set clean.damage=skip to go on without "
            "what is lost: all else is cleaned already"
        )


def _check_not_empty(tally: Tally, parts: Parts) -> None:
    funnel = tally.funnel
    if funnel.documents("train"):
        return
    if not funnel.documents_read:
        paths = [file.path for source, _ in parts.values() for file in source.files]
        raise UserError(
            f"empty corpus: no document in {', '.join(paths[:3])}{', …' if len(paths) > 3 else ''}"
        )
    reason = funnel.most_frequent_reason() or ""
    if funnel.kept and funnel.kept >= funnel.dropped(reason):
        advice = "lower clean.validation_fraction and clean.test_fraction, or bring more documents"
    elif reason == "empty" and any(source.format == "mediawiki" for source, _ in parts.values()):
        advice = "give a dump with the texts of its articles: …-pages-articles.xml.bz2"
    else:
        option = options().get(reason)
        loosen = (
            f"loosen clean.filters.{option}, or set it to null" if option else "look at the reasons above"
        )
        advice = _ADVICE.get(reason, loosen)
    table = "\n".join(f"  {line}" for line in funnel.lines())
    raise UserError(f"no document is left to train on:\n{table}\n{advice[0].upper()}{advice[1:]}.")


_ADVICE = {
    "namespace": "choose clean.namespaces that the dump has",
    "no_wikitext": "this dump holds data or code (as Wikidata's do); choose one with articles",
    "redirect": "this dump holds redirects; choose one with articles",
    "disambiguation": "set clean.keep_disambiguations=true",
    "invalid_utf8": "convert the files to UTF-8 (iconv -f ENCODING -t UTF-8 OLD > NEW, for uncompressed files)",
    "empty": "check that corpus.text_field names the text",
    "duplicate_of_held_out": "every training document is held out too; check the files of the splits",
    "evaluation_text": "every document holds evaluation text; check clean.contamination.files",
    "personal_data": "set clean.pii.action=replace",
}


def _metrics(tally: Tally) -> StageMetrics:
    funnel, total = tally.funnel, tally.funnel.total
    return {
        "documents": funnel.kept - funnel.ends,
        "megabytes": total.bytes / 1e6,
        "characters": total.characters,
        "words": total.words,
        "documents_read": funnel.documents_read,
        "dropped_fraction": funnel.all_dropped["documents"] / funnel.documents_read,
        **{f"{split}_documents": funnel.documents(split) for split in SPLITS},
    }
