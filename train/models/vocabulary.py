"""Whether a tokenizer is the one that pretrained weights know: of another one each id is a random word to them."""

from pathlib import Path

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import read_object
from pipeline.formats.tokenizers import TOKENIZER_FOLDER
from pipeline.formats.vocabulary import Vocabulary, read_vocabulary
from pipeline.preflight import Known, NotYet
from pipeline.remote.listing import is_remote


def tokenizer_of_the_weights(root: RootConfig, known: Known) -> str:
    """A check of `pipeline.preflight`: where `model.path` names pretrained weights, the tokenizer must be theirs.

    Raises:
        UserError: where it has more ids than the weights have rows, or other ones than the tokenizer beside them.
        NotYet: where the tokenizer is still to be made.
    """
    path = root.model.pretrained_path
    if path is None or is_remote(path):
        return ""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return ""  # a name on the hub; of a folder that is not there the stage's own message tells
    rows, weights = _rows(folder), read_vocabulary(folder)
    settings = root.tokenizer
    existing = settings.pretrained_path
    if existing is not None and not is_remote(existing):
        what = f"the tokenizer in tokenizer.path={existing}"
        tokenizer = read_vocabulary(known.locate(existing))
        if tokenizer is None:
            return _built(root, known, weights, rows, path)
        lacking = len(tokenizer.lacking(settings.special_tokens))
        _check_size(tokenizer.size, lacking, rows, what, path)
        _check_ids(tokenizer, weights, what, path)
        return _words(weights)
    size = settings.expected_size() if existing is None else None
    if size is not None:
        _check_size(size, 0, rows, f"a tokenizer of tokenizer.vocab_size={size}", path)
    return _built(root, known, weights, rows, path)


def _built(root: RootConfig, known: Known, weights: Vocabulary | None, rows: int | None, path: str) -> str:
    """The same of the tokenizer as its stage has made it."""
    tokenizer = read_vocabulary(known.folder("tokenizer") / TOKENIZER_FOLDER)
    if tokenizer is None:
        raise NotYet("in the stage itself: the tokenizer has no tokenizer.json")
    what = f"the tokenizer that tokenizer.kind={root.tokenizer.choice} has made"
    _check_size(tokenizer.size, 0, rows, what, path)
    _check_ids(tokenizer, weights, what, path)
    return _words(weights)


def _words(weights: Vocabulary | None) -> str:
    return "it is theirs" if weights else "the folder of the weights has no tokenizer to compare it with"


def _check_size(size: int, added: int, rows: int | None, what: str, path: str) -> None:
    if rows is None or size + added <= rows:
        return
    with_added = f" and {added} of tokenizer.special_tokens, which it lacks" if added else ""
    remedy = "set tokenizer.special_tokens=[]" if size <= rows else _remedy(path)
    raise UserError(
        f"{what} has {size:,} ids{with_added}; the weights in model.path={path} know {rows:,}: {remedy}"
    )


def _check_ids(tokenizer: Vocabulary, weights: Vocabulary | None, what: str, path: str) -> None:
    if weights and (difference := tokenizer.difference(weights)):
        raise UserError(
            f"{what} is not that of the weights in model.path={path}, to which its ids would be random "
            f"words: {difference}. So {_remedy(path)}"
        )


def _remedy(path: str) -> str:
    has_one = read_vocabulary(Path(path).expanduser()) is not None
    return (
        f"take theirs (tokenizer=pretrained tokenizer.path={path if has_one else '…'}), or train from random weights "
        "(model.config in place of model.path)"
    )


def _rows(folder: Path) -> int | None:
    """Token embeddings by config.json; None where it does not say."""
    fields = read_object(folder / "config.json")
    text = fields.get("text_config")
    size = fields.get("vocab_size", text.get("vocab_size") if isinstance(text, dict) else None)
    return size if isinstance(size, int) else None
