"""Models of the Hugging Face hub: what describes them is fetched while the configuration is checked, weights when they
are needed. Both land in the hub's own cache, and are fetched once."""

import re
from pathlib import Path

from pipeline.errors import UserError, why_unreached
from pipeline.formats.model_folder import CONFIG_FILES, TOKENIZER_FILES

_NAME = re.compile(r"(?P<repository>([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_model_name(name: str) -> bool:
    """Whether it is written as those on the hub are: `owner/name`, or `owner/name@revision`; of a few old models, such
    as `gpt2`, the hub knows the name without an owner."""
    return _NAME.fullmatch(name) is not None


def pinned(name: str, place: str) -> str:
    """The name with the commit that it stands for now behind it, which others than this machine's may read, too.

    Raises:
        UserError: as `description_folder`.
    """
    repository, revision = _parse(name)
    if revision is not None and _COMMIT.fullmatch(revision):
        return name
    return f"{repository}@{description_folder(name, place).name}"


def description_folder(name: str, place: str) -> Path:
    """A folder with the model's config.json and tokenizer.

    Args:
        place: what named it, for messages, such as `pretrain.init=owner/name`.

    Raises:
        UserError: where the hub cannot be reached, and nothing of it is in its cache; where it has no such model.
    """
    return _fetch(name, place, (*CONFIG_FILES, *TOKENIZER_FILES))


def weights_folder(name: str, place: str) -> Path:
    """A folder that has the weights, too.

    Raises:
        UserError: as `description_folder`.
    """
    return _fetch(name, place, (*CONFIG_FILES, *TOKENIZER_FILES, *_WEIGHTS))


def _fetch(name: str, place: str, patterns: tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    repository, revision = _parse(name)
    try:
        # Files in folders are other forms of the same weights.
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(patterns), ignore_patterns=["*/*"]
        )
    except GatedRepoError:
        raise UserError(
            f"{place}: its owner asks to be asked for this model; do so on its page, and set HF_TOKEN"
        ) from None
    except RevisionNotFoundError:
        raise UserError(f"{place}: the hub's model has no revision {revision}") from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{place} is no folder or run here, and the Hugging Face hub has no such model (of a private one, set "
            "HF_TOKEN)"
        ) from None
    except Exception as error:  # a library of its own for connections, and its many errors
        raise UserError(
            f"{place} is no folder or run here, and the Hugging Face hub cannot be reached: {why_unreached(error)}; "
            "connect this machine, or download the model elsewhere and name its folder: "
            f"{place.partition('=')[0]}=FOLDER"
        ) from None
    return Path(folder)


def _parse(name: str) -> tuple[str, str | None]:
    found = _NAME.fullmatch(name)
    assert found is not None
    return found["repository"], found["revision"]
