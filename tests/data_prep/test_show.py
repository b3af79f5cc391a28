"""The page that shows a page's wikitext beside its text."""

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from data_prep.cleaning.template_cache import cache_path, write_learned
from data_prep.mediawiki.dump import read_site
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner
from data_prep.show import align, main, newest_dumps
from pipeline.config.clean import CleanConfig
from pipeline.config.command_words import read_settings
from pipeline.errors import UserError
from pipeline.formats.source import Source, describe_file

DUMP = """<mediawiki xml:lang="en"><siteinfo><sitename>Wiki</sitename></siteinfo>
<page><title>Black cat</title><ns>0</ns><id>1</id><revision><timestamp>2020-02-03T00:00:00Z</timestamp>
<text>{{Infobox cat|name=&lt;b&gt;Tom&lt;/b&gt;}}'''Cats''' &amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;
== Life ==
Nine.
== References ==
{{reflist}}</text></revision></page>
<page><title>Tomcat</title><ns>0</ns><id>2</id><redirect title="Black cat" /><revision><text>x</text></revision></page>
</mediawiki>"""


@pytest.fixture
def dump(tmp_path) -> Path:
    path = tmp_path / "dump.xml"
    path.write_text(DUMP)
    return path


def show(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder, in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["show", *words])
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def test_a_page_is_written_and_its_place_is_told(tmp_path, dump):
    done = show(tmp_path, "Tomcat", "--dump", str(dump), "clean.markup.infobox=true")
    assert done.returncode == 0, done.stderr
    assert "Tomcat leads to Black cat" in done.stdout
    path = tmp_path / "Black_cat.html"
    assert str(path) in done.stdout
    html = path.read_text()
    assert "<dt>name</dt><dd>Tom</dd>" in html
    assert '<code class="heading">== Life ==</code>' in html
    assert re.search(r'<h2 class="level-2">Life</h2>\s*<p class="text">Nine\.</p>', html)
    assert "<script" not in html
    assert "2 of 3" in html  # sections with text
    assert not re.search(r"(?:src|href)=", html)  # nothing is loaded from elsewhere


def test_a_page_that_is_not_there(tmp_path, dump):
    done = show(tmp_path, "Black cats", "--dump", str(dump))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no page 'Black cats'" in done.stderr
    assert "Black cat." in done.stderr
    assert show(tmp_path, "a", "--dump", "b").stderr == "error: there is no file b\n"


@pytest.mark.parametrize(
    ("title", "name"),
    [("é" * 127, "é" * 100 + ".html"), ("...", "_.html"), ("हिन्दी भाषा", "हिन्दी_भाषा.html")],
)
def test_a_title_that_makes_no_name_of_a_file(tmp_path, title, name):
    (tmp_path / "dump.xml").write_text(DUMP.replace("Black cat", title))
    done = show(tmp_path, title, "--dump", "dump.xml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).is_file()


def test_a_folder_that_is_not_there_is_told_before_the_dump_is_read(tmp_path, dump):
    done = show(tmp_path, "Tomcat", "--dump", str(dump), "--out", "there/a.html")
    assert done.returncode == 2
    assert done.stderr == "error: there is no folder there to write a.html into; make it first\n"


def test_sections_are_aligned_by_their_own_headings():
    text = "a\n== B ==\n{{c}}\n== B ==\nd\n=== E <!-- x --> === <!-- y -->\n{|\n|f\n|}\n== ''G'' ==\n=== H ===\n* i\n"
    sections, _ = align(text, WikitextCleaner(Site()))
    assert [(s.heading, s.title, s.paragraphs) for s in sections] == [
        ("", "", ("a",)),
        ("== B ==", "", ()),
        ("== B ==", "B", ("d",)),
        ("=== E <!-- x --> === <!-- y -->", "", ()),
        ("== ''G'' ==", "G", ()),
        ("=== H ===", "H", ("- i",)),
    ]
    assert [section.title for section in align(text, WikitextCleaner(Site()), headings=False)[0]] == [""] * 6


def test_aligned_text_is_the_cleaners(shared_data):
    from data_prep.mediawiki.dump import iter_pages

    cleaner = WikitextCleaner(Site())
    for page in iter_pages(shared_data("wikidump") / "en.mini.xml.bz2"):
        sections, _ = align(page.text, cleaner)
        shown = [part for s in sections for part in ([s.title] if s.title else []) + list(s.paragraphs)]
        assert "\n\n".join(shown) == cleaner.clean(page.text)[0], page.title


def test_settings():
    words = ["markup.tables=text", "markup.captions=true", "chinese=simplified"]
    config = read_settings(CleanConfig, words)
    assert (config.markup.tables, config.markup.captions, config.chinese) == ("text", True, "simplified")
    with pytest.raises(UserError, match=r"did you mean markup\.tables"):
        read_settings(CleanConfig, ["markup.table=text"])
    with pytest.raises(UserError, match=r"markup\.tables=html.*'drop' or 'text'"):
        read_settings(CleanConfig, ["markup.tables=html"])


def test_the_newest_download_is_taken_with_what_was_learned_of_its_templates(tmp_path, dump):
    downloads = tmp_path / "artifacts" / "download"
    with pytest.raises(UserError, match="--dump"):
        newest_dumps(downloads)
    folder = downloads / "wiki-1234"
    folder.mkdir(parents=True)
    source = Source("mediawiki", "wiki", (describe_file(dump, folder),))
    source.save(folder)
    (folder / "manifest.json").write_text("{}")
    assert newest_dumps(downloads) == ([dump], {})
    dump.write_text(DUMP.replace("Nine.", "{{Lives|nine}}."))
    kept = cache_path(tmp_path / "artifacts", {"": (source, folder)})
    rules = {"lives": ["argument", "1", ""]}
    write_learned(kept, {read_site(dump).key: {"rules": rules, "disambiguations": []}})
    done = show(tmp_path, "Tomcat")
    assert done.returncode == 0, done.stderr
    assert '<p class="text">nine.</p>' in (tmp_path / "Black_cat.html").read_text()
    kept.write_text("damaged")
    assert newest_dumps(downloads) == ([dump], {})
