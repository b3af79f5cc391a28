"""Data sets of the Hugging Face hub through `datasets`, or local folders of them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError

if TYPE_CHECKING:
    import datasets

SCHEME = "hub://"
_ADDRESS = re.compile(
    r"hub://(?P<path>[^:@#]+)(:(?P<name>[^@#]+))?(@(?P<revision>[^#]+))?#(?P<split>.+)", re.DOTALL
)
LONGEST_REASON = 300
"""Characters quoted of an error of `datasets`."""
SAVED_MARKS = ("dataset_dict.json", "state.json")
"""What `Dataset.save_to_disk` leaves in a folder, which `load_dataset` does not read."""


@dataclass(frozen=True)
class HubSplit:
    """A split of a data set, by its address `hub://owner/name[:config][@revision]#split`."""

    address: str
    path: str
    """`owner/name`, or a local folder."""
    name: str | None
    """Configuration of the data set."""
    revision: str | None
    split: str
    """Slices like `train[:10%]` included."""

    @classmethod
    def parse(cls, address: str) -> "HubSplit":
        """Raises: UserError: where it is no address of one."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise UserError(
                f"{address!r} is no address of a data set; write hub://owner/name#split, or with a configuration and a "
                "revision hub://owner/name:config@revision#split"
            )
        return cls(address, found["path"], found["name"], found["revision"], found["split"])

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Where each row stands, for messages, and its fields.

        Raises:
            UserError: where the split cannot be loaded.
        """
        loaded = load_split(
            self.path, self.name, self.split, self.revision, hint=f"a folder, {SCHEME}FOLDER#split"
        )
        for number, row in enumerate(loaded, 1):
            assert isinstance(row, dict)  # as long as no format is set
            yield f"{self.address}, row {number}", row


def load_split(
    path: str,
    name: str | None,
    split: str,
    revision: str | None = None,
    streaming: bool = False,
    hint: str = "",
) -> "datasets.Dataset | datasets.IterableDataset":
    """One split through `datasets`, never running code of the data set's.

    Args:
        hint: the setting by which the user can do without the hub, for the error's text.

    Raises:
        UserError: where it cannot be loaded.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        if is_local(path) and any((Path(path).expanduser() / mark).is_file() for mark in SAVED_MARKS):
            return _saved_split(path, split)
        return datasets.load_dataset(path, name, split=split, revision=revision, streaming=streaming)
    except ConnectionError as error:
        raise UserError(
            f"{path} cannot be loaded: the Hugging Face hub is out of reach ({_reason(error)}). "
            f"Connect this machine, or download the data set elsewhere and give {hint}"
        ) from None
    except (DatasetsError, ValueError, OSError, RuntimeError) as error:
        # These are all that load_dataset raises for a wrong name, configuration, split, revision or file.
        raise UserError(
            f"{path} ({name or 'default'} configuration, {split}) cannot be loaded: {_reason(error)}"
        ) from None


def _saved_split(path: str, split: str) -> "datasets.Dataset":
    import datasets

    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.Dataset):
        own = str(saved.split or "train")
        if split not in (own, "train"):
            raise ValueError(f"no such split; it has {own}")
        return saved
    if split not in saved:
        raise ValueError(f"no such split; it has {', '.join(map(str, saved))}")
    return saved[split]


def is_local(path: str) -> bool:
    return Path(path).expanduser().is_dir()


def _reason(error: BaseException) -> str:
    """What went wrong, on one line; what lies behind it where `datasets` only says that something did."""
    text = " ".join(str(error).split()).removeprefix("An error occurred while generating the dataset").strip()
    if not text and error.__cause__ is not None:
        return _reason(error.__cause__)
    return textwrap.shorten(text, LONGEST_REASON) or type(error).__name__
