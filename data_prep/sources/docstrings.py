"""Docstrings of Python source, read with `ast`: nothing is imported or run."""

import ast
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 40
"""Characters; shorter docstrings say no more than the name does."""

LONG = 20_000
"""Characters of a document, from which on a further member starts the next one."""

# Tests and copies of other projects; the corpus is documentation, each text once.
SKIPPED_FOLDERS = frozenset({"test", "tests", "testing", "idlelib", "lib2to3", "site-packages", "vendored"})

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Docstring:
    """Documentation of one object. `heading` is its qualified name with its signature, as one line."""

    name: str
    heading: str
    text: str


@dataclass(frozen=True)
class ModuleDocs:
    """Documentation of a module: its own docstring (may be empty) and those of its public members."""

    name: str
    text: str
    members: tuple[Docstring, ...]

    def documents(self) -> Iterator[tuple[str, str]]:
        """All of it as (id, text): one document, or several of about `LONG` characters where there is much.

        Whole, the largest modules would be a few documents that decide a held-out split alone, and that
        quality filters drop because their headings repeat.
        """
        pieces: list[list[str]] = [[self.text]] if self.text else [[]]
        for member in self.members:
            part = f"{member.heading}\n\n{member.text}"
            if pieces[-1] and sum(map(len, pieces[-1])) + len(part) > LONG:
                pieces.append([])
            pieces[-1].append(part)
        for number, piece in enumerate(pieces, start=1):
            yield self.name if number == 1 else f"{self.name}#{number}", "\n\n\n".join(piece)


def source_files(root: Path, package: str | None) -> list[tuple[str, Path]]:
    """Modules below `root` with their dotted names, sorted by name; `package` is the name of `root` itself.

    Private folders are left out: what lies there is for the package's own developers.
    """
    found = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in SKIPPED_FOLDERS and not name.startswith("_")]
        for path in (Path(folder, file) for file in files if file.endswith(".py")):
            if path.stem.startswith(("test_", "conftest")) or path.stem.endswith("_test"):
                continue
            parts = path.relative_to(root).with_suffix("").parts
            names = ([package] if package else []) + [part for part in parts if part != "__init__"]
            if names:
                found.append((".".join(names), path))
    return sorted(found)


def read_module(name: str, path: Path) -> ModuleDocs | None:
    """What the module documents; None where it holds no docstring or is no Python that this version reads."""
    try:
        source = path.read_bytes()
        if b'"""' not in source and b"'''" not in source:
            return None  # three quarters of the time goes into parsing
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    text = _clean(ast.get_docstring(tree, clean=False) or "")
    members = tuple(member for member in _members(tree.body, name) if len(member.text) >= SHORTEST)
    return ModuleDocs(name, text, members) if text or members else None


def _members(body: list[ast.stmt], owner: str) -> Iterator[Docstring]:
    for node in body:
        if isinstance(node, Definition):
            if not node.name.startswith("_"):
                yield from _definition(node, owner)
        elif isinstance(node, (ast.If, ast.Try)):
            yield from _members(node.body, owner)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _attached(node.value)


def _definition(node: Definition, owner: str) -> Iterator[Docstring]:
    name = f"{owner}.{node.name}"
    text = _clean(ast.get_docstring(node, clean=False) or "")
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        yield Docstring(name, f"class {name}({bases})" if bases else f"class {name}", text)
        yield from _members(node.body, name)
    else:
        yield Docstring(name, f"{name}({_signature(node.args)})", text)


def _signature(arguments: ast.arguments) -> str:
    """Names and defaults, without annotations (often longer than all the rest) and without self."""
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return re.sub(r"^(self|cls)(, /)?(, |$)", "", ast.unparse(arguments))


def _attached(call: ast.Call) -> Iterator[Docstring]:
    """Docstrings that a call gives to objects of compiled code, as numpy and torch do for most functions."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    if function == "add_docstr" and len(call.args) == 2:
        name, text = ast.unparse(call.args[0]), _string(call.args[1])
    elif function == "add_newdoc" and len(call.args) == 3:
        owner, name, last = (_string(call.args[0]), _string(call.args[1]), call.args[2])
        if isinstance(last, ast.Tuple) and len(last.elts) == 2:
            name, last = f"{name}.{_string(last.elts[0])}", last.elts[1]
        name, text = f"{owner}.{name}", _string(last)
    else:
        return
    yield Docstring(name, name, _clean(text))


def _string(node: ast.expr) -> str:
    """A string literal, also concatenated or with `.format(…)`, less the lines that are only a field."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _string(node.left) + _string(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        template = re.sub(r"^[ \t]*\{\w+\}[ \t]*\n", "", _string(node.func.value), flags=re.MULTILINE)
        return template.replace("{{", "{").replace("}}", "}")
    return ""


def _clean(docstring: str) -> str:
    text = inspect.cleandoc(docstring).strip()
    return text.encode("utf-8", "replace").decode("utf-8")  # an escape such as \ud800 cannot be stored
