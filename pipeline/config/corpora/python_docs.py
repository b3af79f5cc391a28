"""The settings of the corpus that every machine has."""

import platform
from importlib import metadata
from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.corpora.base import SingleCorpus


def installed_version(package: str) -> str | None:
    """Version of an installed package, by the name it is imported under; None where it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


class PythonDocsCorpus(SingleCorpus):
    """English prose that every machine has: docstrings and topics of Python and installed packages."""

    implementation: ClassVar[str] = "data_prep.sources.python_docs"

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
        # Questions about docstrings are asked otherwise since: raised here, so that no other corpus is fetched again.
        return {"python": platform.python_version(), "questions": "2"} | {
            name: version for name in packages if (version := installed_version(name)) is not None
        }
