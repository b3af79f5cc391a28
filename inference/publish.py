"""Send an exported folder to the Hugging Face hub: `python -m inference.publish OWNER/NAME [key=value …]`.

Without `send=true` nothing is sent: it prints what would be.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.checkpoint_folders import ExportedCheckpoints
from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.errors import UserError, exit_on_user_error, first_line, why_unreached
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.location import find_model
from pipeline.system_errors import is_unconnected
from pipeline.text.counts import counted
from pipeline.text.full_width import full_width_hint
from pipeline.text.sizes import size_in_words

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class PublishSettings(Section):
    """What is sent, and how."""

    model: str | None = None
    """A run whose export is sent, or an exported folder; by default the newest run."""
    runs: str = "runs"
    """The folder of runs."""
    revision: str | None = None
    """A branch of the repository, made where it is not there; None is its main one."""
    checkpoints: bool = False
    """Send the training checkpoints that were kept, too, each as a model on a branch of its own: `step-400`."""
    private: bool = True
    """Whether a repository that is made for it can be seen by its owner alone."""
    message: str = "Upload the exported model"
    """Of the commit."""
    send: bool = False
    """Send it; else only tell what would be sent."""


def main(words: Sequence[str]) -> None:
    """Print what is sent, or would be."""
    if not words or words[0] in ("-h", "--help"):
        print(usage(PublishSettings))
        return
    with exit_on_user_error():
        repository, settings = words[0], read_settings(PublishSettings, words[1:])
        if not REPOSITORY.fullmatch(repository):
            raise UserError(
                f"{repository!r} is no repository of the hub; "
                f"{full_width_hint(repository) or 'name it OWNER/NAME: make publish REPO=me/demo'}"
            )
        folder = exported_folder(settings)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files:
            print(f"{size_in_words(path.stat().st_size):>12}  {path.relative_to(folder)}")
        total = size_in_words(sum(path.stat().st_size for path in files))
        place = repository + (f"@{settings.revision}" if settings.revision else "")
        what = f"{counted(len(files), 'file')}, {total}, from {folder} to {place}"
        steps = ExportedCheckpoints(folder.resolve().parent) if settings.checkpoints else None
        for checkpoint in steps.all if steps else ():
            print(
                f"{size_in_words(checkpoint.bytes):>12}  {checkpoint.folder.name} → {repository}@{_branch(checkpoint)}"
            )
        if not settings.send:
            kind = "private" if settings.private else "public"
            print(f"would send {what} ({kind}, where it is made for it); to do so: {_command(words)}")
            return
        print(f"sent {what}: {_send(repository, folder, settings)}")
        if steps is not None:
            _send_checkpoints(repository, steps, settings)


def _command(words: Sequence[str]) -> str:
    """What to type to send it: the command that was given, and `send=true`."""
    repository, *given = words
    settings = " ".join([*(word for word in given if not word.startswith("send=")), "send=true"])
    if sys.argv[0].startswith("lmw"):
        return f"lmw publish {repository} {settings}"
    return f'make publish REPO={repository} ARGS="{settings}"'


def _send_checkpoints(repository: str, steps: ExportedCheckpoints, settings: PublishSettings) -> None:
    """Each to its branch."""
    for checkpoint in steps.all:
        branch = settings.model_copy(update={"revision": _branch(checkpoint)})
        with steps.folder(checkpoint, repository.partition("/")[2]) as folder:
            print(f"sent {checkpoint.folder.name}: {_send(repository, folder, branch)}")


def _branch(checkpoint: Checkpoint) -> str:
    return f"step-{checkpoint.step}"


def exported_folder(settings: PublishSettings) -> Path:
    """The Hugging Face folder, with its card.

    Raises:
        UserError: where the run has none, or the folder is no export.
    """
    name, runs = settings.model, Path(settings.runs)
    if name is None:
        name = find_model(None, runs=runs).name
    is_folder = Path(name).expanduser().is_dir() and not (runs / name / "export").exists()
    found = find_model(name if is_folder else f"{name}/export", runs=runs)
    if found.is_artifact or not (found.folder / "README.md").is_file():
        raise UserError(
            f"{found.folder} is no exported folder with a model card; export the model first: make export"
        )
    return found.folder


def _send(repository: str, folder: Path, settings: PublishSettings) -> str:
    """Returns the commit's address."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        api.create_repo(repository, private=settings.private, exist_ok=True)
        if settings.revision is not None:
            api.create_branch(repository, branch=settings.revision, exist_ok=True)
        sent = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            revision=settings.revision,
            commit_message=settings.message,
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        advice = (
            "; log in with `hf auth login`, or set HF_TOKEN to a token that may write"
            if status in (401, 403)
            else ""
        )
        raise UserError(f"the hub refuses {repository} ({first_line(error)}){advice}") from None
    except Exception as error:  # a library of its own for connections, and its many errors
        if not isinstance(error, OSError) and not is_unconnected(error):
            raise
        raise UserError(
            f"the hub cannot be reached: {why_unreached(error)}; nothing is lost, send again"
        ) from None
    return str(sent)


if __name__ == "__main__":
    main(sys.argv[1:])
