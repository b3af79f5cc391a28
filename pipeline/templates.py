"""Pages and cards from jinja's templates. A fact that a template names and is not given is a mistake of ours, and says
so."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def html_templates(folder: Path) -> Environment:
    """For pages: everything is escaped, since texts come from corpora and models."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def markdown_templates(folder: Path) -> Environment:
    """For cards: nothing is escaped, since they are Markdown with code in it."""
    return Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined, keep_trailing_newline=True)
