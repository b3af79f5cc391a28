"""Pages of the site that lie outside of docs/: the README is its first page, and what documents link to comes along.

MkDocs calls the two functions (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
AT_THE_TOP = {"README.md": "index.md"} | {
    name: name for name in ("README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")
}
"""Files of the checkout's root, and their places in the site."""
LINK = re.compile(r"(?<=\]\()(?!\w+://|#)([^)#\s]*)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    linked = {place for path in sorted((ROOT / "docs").glob("*.md")) for place in _links_outside(path)}
    linked |= {place for name in AT_THE_TOP for place in _links_outside(ROOT / name)}
    for place in sorted(linked - AT_THE_TOP.keys()):
        if (ROOT / place).is_file():
            files.append(File.generated(config, place, abs_src_path=str(ROOT / place)))
    for name, place in AT_THE_TOP.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links are as they are in the checkout: they are turned to where the site has their targets."""
    folder = Path(page.file.abs_src_path or "").parent
    up = "../" * page.file.src_uri.count("/")

    def turned(match: re.Match[str]) -> str:
        return up + _in_site(_place(folder, match[1])) if match[1] else ""

    return LINK.sub(turned, markdown)


def _links_outside(path: Path) -> set[str]:
    places = {
        _place(path.parent, target) for target in LINK.findall(path.read_text(encoding="utf-8")) if target
    }
    return {place for place in places if not place.startswith("docs/")}


def _place(folder: Path, target: str) -> str:
    """A link's target, from the checkout's root."""
    return (folder / target).resolve().relative_to(ROOT).as_posix()


def _in_site(place: str) -> str:
    return AT_THE_TOP.get(place, place.removeprefix("docs/"))
