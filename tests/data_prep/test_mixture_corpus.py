"""Several corpora in one: each keeps its name, and they are cleaned, compared and guarded together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.reading.pieces import plan_pieces
from pipeline.config.clean import CleanConfig
from pipeline.config.corpora.mixture import MixtureCorpus
from pipeline.config.shards import ShardsConfig
from pipeline.config.stages import CleanStage, DownloadStage, ShardsStage, TokenizerStage
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.errors import UserError
from pipeline.formats.documents import document_files, document_part
from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.formats.source import load_parts
from pipeline.launch.stage_code import run_stage
from pipeline.stages import STAGES
from tests.data_prep.cleaning import PROSE, Cleaned

ENWIKI = "wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"


@pytest.fixture
def build(make_context: Callable, tmp_path: Path) -> Callable[..., Cleaned]:
    """Download and clean a mixture."""

    def run(parts: dict[str, dict[str, Any]], **config: Any) -> Cleaned:
        download = make_context(tmp_path / "download")
        run_stage(STAGES["download"], DownloadStage(corpus=MixtureCorpus(parts=parts)), download)
        clean = make_context(tmp_path / "clean", download=tmp_path / "download")
        stage = CleanStage(clean=CleanConfig(**{"workers": 1, **config}))
        return Cleaned(clean.folder, run_stage(STAGES["clean"], stage, clean))

    return run


def stories(name: str, count: int) -> str:
    return "\n\n".join(
        f"Story {number} of {name}. {PROSE} It was day {number * 7}." for number in range(count)
    )


def test_parts_keep_their_names_up_to_the_token_files(build, write, make_context, tmp_path) -> None:
    parts = {
        name: {
            "kind": "files",
            "paths": [str(write(f"{name}/notes.txt", stories(name, count)))],
            "split_documents": True,
        }
        for name, count in (("sea", 30), ("town", 50))
    }
    cleaned = build(parts, validation_fraction=0.1)
    assert {d.id.partition("/")[0] for d in cleaned.documents} == {"sea", "town"}
    assert len({d.id for d in cleaned.documents}) == len(cleaned.documents) == 80, (
        "files of one name in two parts"
    )
    files = document_files(cleaned.folder / "documents", "train")
    assert [document_part(path) for path in files] == ["sea", "town"]
    assert [source["part"] for source in cleaned.stats["sources"]] == ["sea", "town"]
    tokenizer = make_context(tmp_path / "tokenizer", clean=cleaned.folder)
    run_stage(
        STAGES["tokenizer"],
        TokenizerStage(tokenizer=TokenizerConfig.choose("bpe", vocab_size=300)),
        tokenizer,
    )
    shards = make_context(tmp_path / "shards", clean=cleaned.folder, tokenizer=tokenizer.folder)
    run_stage(STAGES["shards"], ShardsStage(shards=ShardsConfig(workers=1)), shards)
    index = ShardIndex.load(shards.folder)
    assert [file.name for file in index.splits["train"]] == ["train-sea-00000.bin", "train-town-00000.bin"]
    tokens = index.part_tokens("train")
    assert tokens.keys() == {"sea", "town"}
    assert len(TokenStream(shards.folder, "train", "town")) == tokens["town"] > tokens["sea"]


def test_a_part_of_which_nothing_is_left_is_told(build, write, caplog) -> None:
    parts = {
        name: {"kind": "files", "paths": [str(write(f"{name}.txt", text))], "split_documents": True}
        for name, text in (("all", stories("all", 9)), ("none", "Too short.\n\nThis, too."))
    }
    cleaned = build(parts, validation_fraction=0, test_fraction=0)
    assert "no document of corpus.parts.none is left" in caplog.text
    assert "parts.all is left" not in caplog.text
    assert cleaned.stats["parts"] == {"all": 9}
    card = (cleaned.folder / "data_card.md").read_text()
    kept = [line for line in card.splitlines() if line.endswith("kept")]
    assert kept == ["  - 9 documents kept", "  - 0 documents kept"]


def test_a_document_of_two_parts_is_kept_once(build, write) -> None:
    parts = {
        "a": {"kind": "files", "paths": [str(write("a.txt", stories("both", 10)))], "split_documents": True},
        "b": {"kind": "files", "paths": [str(write("b.txt", stories("both", 15)))], "split_documents": True},
    }
    cleaned = build(parts, validation_fraction=0, test_fraction=0)
    assert cleaned.reasons == {"duplicate": 10}
    assert sum(document.id.startswith("a/") for document in cleaned.documents) == 10


def test_wikitexts_test_articles_are_kept_out_of_a_wikipedia_dump(build, shared_data, tmp_path) -> None:
    wikitext = tmp_path / "wikitext"
    wikitext.mkdir()
    lines = (
        (shared_data("wikitext-2") / "wiki.test.tokens").read_text(encoding="utf-8").splitlines(keepends=True)
    )
    for name in ("train", "valid", "test"):
        (wikitext / f"wiki.{name}.tokens").write_text(
            f" \n = Solo {name} = \n \n The only one of {name} . \n"
        )
    (wikitext / "wiki.test.tokens").write_text("".join(lines[:600]), encoding="utf-8")
    dump = tmp_path / "planted.xml"
    article = " ".join(line.strip() for line in lines[3:40]).replace(" @-@ ", "-").replace(" @,@ ", ",")
    dump.write_text(
        "<mediawiki><siteinfo><dbname>enwiki</dbname></siteinfo>"
        f"<page><title>Planted</title><ns>0</ns><id>1</id><revision><text>{article}</text></revision></page>"
        f"<page><title>Other</title><ns>0</ns><id>2</id><revision><text>{PROSE * 3}</text></revision></page>"
        "</mediawiki>".replace("<unk>", "&lt;unk&gt;"),
        encoding="utf-8",
    )
    parts = {
        "wiki": {"kind": "files", "paths": [str(dump)]},
        "wikitext": {"kind": "wikitext", "path": str(wikitext)},
    }
    cleaned = build(parts, validation_fraction=0, test_fraction=0)
    assert cleaned.reasons == {"evaluation_text": 1}
    assert "Planted" not in {document.title for document in cleaned.split("train")}
    assert cleaned.stats["contamination"]["action"] == "drop"
    card = (cleaned.folder / "data_card.md").read_text()
    assert "1 training document held text of 2 evaluation texts, and were dropped" in card
    assert "CC-BY-SA-3.0" in card


def test_a_part_that_is_missing_is_named(build) -> None:
    with pytest.raises(UserError, match=r"no file at 'nowhere"):
        build({"a": {"kind": "files", "paths": ["nowhere/*.txt"]}})


def test_a_file_of_a_part_that_is_gone_is_named_with_the_artifact(build, write, tmp_path) -> None:
    notes = write("notes.txt", stories("a", 5))
    build({"a": {"kind": "files", "paths": [str(notes)]}})
    notes.unlink()
    with pytest.raises(
        UserError, match=rf"notes\.txt is gone; .* or delete {tmp_path}/download, which names it"
    ):
        plan_pieces(load_parts(tmp_path / "download"), 1_000_000)
