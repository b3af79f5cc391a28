"""WikiText from a folder, local or in a store, or through `datasets`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.config.corpora.wikitext import WikiTextCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.hub import load_split
from pipeline.formats.source import Source, SourceFile, Split, describe_file
from pipeline.remote.copying import copy_objects
from pipeline.remote.listing import is_remote, list_objects

REPOSITORY = "Salesforce/wikitext"
NAMES: dict[Split, str] = {"train": "train", "validation": "valid", "test": "test"}
FORMS = ("tokens", "raw")


def fetch(corpus: WikiTextCorpus, context: Context) -> Source:
    """Record the three files of `corpus.path`, used in place where it is local, or download them.

    Raises:
        UserError: where the folder lacks one of them, or the store or hub cannot be reached.
    """
    files = _download(corpus, context) if corpus.path is None else _in_place(corpus, corpus.path, context)
    return Source(
        format="wikitext",
        name=f"wikitext-{corpus.size}",
        files=files,
        license="CC-BY-SA-3.0",
        attribution="WikiText (Merity et al., 2016), from articles of the English Wikipedia",
        url=f"https://huggingface.co/datasets/{REPOSITORY}",
    )


def _in_place(corpus: WikiTextCorpus, path: str, context: Context) -> tuple[SourceFile, ...]:
    forms = sorted(FORMS, key=lambda form: form != corpus.form)  # the asked one first
    folder = _copied(path, forms, context) if is_remote(path) else context.locate(path)
    files: list[SourceFile] = []
    missing: list[str] = []
    for split, name in NAMES.items():
        found = [file for form in forms if (file := folder / f"wiki.{name}.{form}").is_file()]
        if found:
            files.append(describe_file(found[0], context.folder, split))
        else:
            missing.append(f"wiki.{name}.{corpus.form}")
    if missing:
        raise UserError(f"corpus.path={path} lacks {', '.join(missing)}; all three files are needed")
    if not any(file.bytes for file in files if file.split == "train"):
        raise UserError(f"empty corpus: {files[0].path} has no text")
    return tuple(files)


def _copied(url: str, forms: Sequence[str], context: Context) -> Path:
    """The artifact's folder, with the files of a folder in a store: of each split the first of the forms."""
    found = {each.place.name: each for each in list_objects(url) if len(each.inside.parts) == 2}
    named = ([f"wiki.{name}.{form}" for form in forms] for name in NAMES.values())
    wanted = [file for files in named for file in [name for name in files if name in found][:1]]
    copies = {context.folder / name: found[name] for name in wanted}
    copy_objects(copies, context.folder, context.log, context.run.progress)
    return context.folder


def _download(corpus: WikiTextCorpus, context: Context) -> tuple[SourceFile, ...]:
    suffix = "raw-v1" if corpus.form == "raw" else "v1"
    files = []
    for split, name in NAMES.items():
        rows = load_split(
            REPOSITORY, f"wikitext-{corpus.size}-{suffix}", split, hint="its folder as corpus.path"
        )
        path = context.folder / f"wiki.{name}.{corpus.form}"
        _write_lines(rows["text"], path)
        files.append(describe_file(path, context.folder, split))
    return tuple(files)


def _write_lines(lines: Iterable[str], path: Path) -> None:
    """Restore the original file: there an empty line is a space, which the hub's copy drops."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write((line.removesuffix("\n") or " ") + "\n")
