"""Whether a tokenizer is the one that pretrained weights know: of another one each id is a random word to them."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import FOLDER, list_checkpoints
from pipeline.formats.hub_models import description_folder
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER, TOKENIZER_FOLDER, read_object
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.formats.vocabulary import Vocabulary, read_vocabulary
from pipeline.known import Known, NotYet
from pipeline.remote.listing import is_remote


@dataclass(frozen=True)
class Weights:
    """What is known of pretrained weights without reading them."""

    setting: str
    """What names them, as `pretrain.init=FOLDER`."""
    tokenizer: Path
    """Where theirs would be."""
    rows: int | None
    """Token embeddings; None where it is not said."""
    otherwise: str
    """How to train without them."""

    @classmethod
    def of(cls, root: RootConfig) -> "Weights | None":
        """Those that a run starts from; None where there are none, or they are not on this machine."""
        init, path = root.pretrain.init, root.model.pretrained_path
        if init is not None and (folder := Path(init)).is_dir():
            tokenizer, rows = _theirs(folder)
            return cls(f"pretrain.init={init}", tokenizer, rows, "pretrain.init=null")
        if init is not None:
            folder = description_folder(init, f"pretrain.init={init}")
            return cls(f"pretrain.init={init}", folder, _rows(folder), "pretrain.init=null")
        if path is None or is_remote(path) or not (folder := Path(path).expanduser()).is_dir():
            return None  # a name on the hub; of a folder that is not there the stage's own message tells
        return cls(f"model.path={path}", folder, _rows(folder), "model.config in place of model.path")

    @property
    def vocabulary(self) -> Vocabulary | None:
        return read_vocabulary(self.tokenizer)

    @property
    def remedy(self) -> str:
        place = self.tokenizer if self.vocabulary is not None else "…"
        return (
            f"take theirs (tokenizer=pretrained tokenizer.path={place}), or train from random weights "
            f"({self.otherwise})"
        )


def _theirs(folder: Path) -> tuple[Path, int | None]:
    """The tokenizer's folder, and the token embeddings, of what `pretrain.init` was found to be."""
    artifact = folder.parents[1] if folder.parent.name == FOLDER else folder
    if artifact == folder and not (folder / MODEL_FOLDER / DESCRIPTION).is_file():
        return folder, _rows(folder)
    checkpoint = next((each for each in list_checkpoints(artifact) if each.folder == folder), None)
    _, rows = ArtifactFolder(artifact).described(checkpoint)
    return ArtifactFolder(artifact).tokenizer_artifact / TOKENIZER_FOLDER, rows


def tokenizer_of_the_weights(root: RootConfig, known: Known) -> str:
    """A check of `pipeline.preflight`: where weights are named to start from, the tokenizer must be theirs.

    Raises:
        UserError: where it has more ids than the weights have rows, or other ones than the tokenizer beside them.
        NotYet: where the tokenizer is still to be made.
    """
    weights = Weights.of(root)
    if weights is None:
        return ""
    settings = root.tokenizer
    existing = settings.pretrained_path
    if existing is not None and not is_remote(existing):
        what = f"the tokenizer in tokenizer.path={existing}"
        tokenizer = read_vocabulary(known.locate(existing))
        if tokenizer is None:
            return _built(root, known, weights)
        added = 0 if settings.adds else len(tokenizer.lacking(settings.special_tokens))
        _check_size(tokenizer.size, added, weights, what)
        told = _check_ids(tokenizer, weights, what)
        return f"{told}, and gets {settings.adds:,} more tokens" if settings.adds else told
    size = settings.expected_size() if existing is None else None
    if size is not None:
        _check_size(size, 0, weights, f"a tokenizer of tokenizer.vocab_size={size}")
    return _built(root, known, weights)


def _built(root: RootConfig, known: Known, weights: Weights) -> str:
    """The same of the tokenizer as its stage has made it."""
    tokenizer = read_vocabulary(known.folder("tokenizer") / TOKENIZER_FOLDER)
    if tokenizer is None:
        raise NotYet("in the stage itself: the tokenizer has no tokenizer.json")
    what = f"the tokenizer that tokenizer.kind={root.tokenizer.choice} has made"
    _check_size(tokenizer.size, 0, weights, what)
    return _check_ids(tokenizer, weights, what)


def _check_size(size: int, added: int, weights: Weights, what: str) -> None:
    rows = weights.rows
    if rows is None or size + added <= rows:
        return
    with_added = f" and {added} of tokenizer.special_tokens, which it lacks" if added else ""
    remedy = "set tokenizer.special_tokens=[]" if size <= rows else weights.remedy
    raise UserError(
        f"{what} has {size:,} ids{with_added}; the weights in {weights.setting} know {rows:,}: {remedy}"
    )


def _check_ids(tokenizer: Vocabulary, weights: Weights, what: str) -> str:
    theirs = weights.vocabulary
    if theirs is None:
        return "the folder of the weights has no tokenizer to compare it with"
    if difference := tokenizer.difference(theirs):
        raise UserError(
            f"{what} is not that of the weights in {weights.setting}, to which its ids would be random "
            f"words: {difference}. So {weights.remedy}"
        )
    return "it is theirs"


def _rows(folder: Path) -> int | None:
    """Token embeddings by config.json; None where it does not say."""
    fields = read_object(folder / "config.json")
    text = fields.get("text_config")
    size = fields.get("vocab_size", text.get("vocab_size") if isinstance(text, dict) else None)
    return size if isinstance(size, int) else None
