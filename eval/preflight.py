"""What evaluation will need, looked at before the model is trained: see `pipeline.preflight`.

torch is imported only where a check cannot do without.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from eval.language_model.ngram import check_fitting_text
from eval.language_model.text import check_length, check_split, file_texts, refuse_same_names
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.canaries import check_lengths, draw_canaries
from pipeline.formats.documents import read_texts, text_bytes
from pipeline.formats.tokenizers import TextEncoder
from pipeline.known import Known, NotYet
from pipeline.text.counts import counted
from train.finetuning.task import task_of
from train.weights.choice import check_plan, choose, several


@dataclass(frozen=True)
class Reader:
    """How the model that scores texts will read them."""

    window: int
    """Tokens at a time."""
    count: Callable[[str], int]
    """Tokens of a text."""


def device(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where a GPU is asked for on this machine, which has none."""
    if root.evaluate.accelerator != "gpu" or not root.launcher.here:
        return ""
    import torch

    if not torch.cuda.is_available():
        raise UserError("evaluate.accelerator=gpu, but torch finds no GPU; set it to auto or cpu")
    return torch.cuda.get_device_name()


def metrics(root: RootConfig, known: Known) -> str:
    """Look whether the metrics have what they need, where a fine-tuned model will write texts.

    Raises:
        UserError: where they have not.
    """
    if not root.finetune.enabled or task_of(root.finetune).evaluation != "eval.tasks.written_text":
        return ""
    from eval.metrics import check_metrics

    return check_metrics(root.evaluate)


def ratings(root: RootConfig, known: Known) -> str:
    """Read the files of `evaluate.ratings`.

    Raises:
        UserError: where one is absent, or no rater's answers.
    """
    if not root.evaluate.ratings:
        return ""
    from eval.ratings.answers import read_answers

    answers = read_answers(known.locate_files(root.evaluate.ratings))
    return counted(len(answers), "rater")


def held_out_text(root: RootConfig, known: Known) -> str:
    """Look whether the splits that evaluation reads will have text, and enough for one window.

    Raises:
        UserError: where they will not.
    """
    if not _scores_text(root) or not root.reads_corpus:
        return ""
    config, pretrains = root.evaluate.perplexity, not root.finetune.replaces_pretraining
    fits = pretrains and root.objective.gives_perplexity and root.evaluate.ngram_baselines
    _check_fraction(root, config.split, "evaluate.perplexity.split to the other split")
    if fits:
        _check_fraction(root, "validation", "evaluate.ngram_baselines=false")
    documents = known.folder("clean") / "documents"
    check_split(documents, config.split)
    if fits:
        check_fitting_text(text_bytes(documents, "validation"))
    return _check_window(root, known, read_texts(documents, config.split), f"the {config.split} split")


def files(root: RootConfig, known: Known) -> str:
    """Read the files of `evaluate.perplexity.files`.

    Raises:
        UserError: where one is absent or holds no text, or not enough for one window; where two have one name.
    """
    names = root.evaluate.perplexity.files
    if not names or not _scores_text(root):
        return ""
    paths = list(known.locate_files(names))
    refuse_same_names(paths)
    for path in paths:
        for _ in file_texts(path):
            pass  # a bad line is told wherever it stands
    return "; ".join(_check_window(root, known, file_texts(path), path.name) for path in paths)


def memorization(root: RootConfig, known: Known) -> str:
    """Look whether the pretrained model can be asked for its training text.

    Raises:
        UserError: where it writes no text, or has no room for that much.
    """
    config = root.evaluate.memorization
    if not config.prefixes:
        return ""
    if not _pretrains_left_to_right(root):
        raise UserError(
            "evaluate.memorization asks a model that this run pretrains from left to right; set its prefixes to 0"
        )
    most = root.model.context - root.model.context // 2
    if config.tokens > most or config.prefix_tokens + config.tokens > root.model.context:
        raise UserError(
            f"evaluate.memorization: prefix_tokens={config.prefix_tokens} and tokens={config.tokens} do not fit into "
            f"the model's context of {root.model.context}, half of which may be written; lower them"
        )
    return f"{counted(config.prefixes, 'prefix', 'prefixes')} of {config.prefix_tokens} tokens"


def _pretrains_left_to_right(root: RootConfig) -> bool:
    """Whether this run makes a pretrained model that says how likely a text is."""
    return not root.finetune.replaces_pretraining and root.objective.gives_perplexity


def canaries(root: RootConfig, known: Known) -> str:
    """Look whether the model can be asked for what is planted.

    Raises:
        UserError: where no model of this run reads the planted text, or none that says how likely a text is; where a
            canary is longer than the model's context.
    """
    config = root.clean.canaries
    if not config.count:
        return ""
    if not _pretrains_left_to_right(root):
        raise UserError(
            "clean.canaries are planted for a model that this run pretrains from left to right, and it pretrains none; "
            "set clean.canaries.count to 0"
        )
    planted = draw_canaries(config.format, config.count, config.repeats, config.seed)
    check_lengths(planted, TextEncoder(known.folder("tokenizer")).encode_batch, root.model.context)
    return counted(sum(canary.repeats for canary in planted), "planted document")


def views(root: RootConfig, known: Known) -> str:
    """Look whether there will be a model whose reading of texts can be shown.

    Raises:
        UserError: where this run pretrains neither a decoder nor an encoder.
    """
    if not root.evaluate.views:
        return ""
    if root.finetune.replaces_pretraining or root.model.reading == "encoder_decoder":
        raise UserError(
            "evaluate.views shows how a decoder or an encoder reads that this run pretrains, and it pretrains none; "
            "set it to []"
        )
    told = counted(len(root.evaluate.views), "text")
    if root.model.reading == "left_to_right" and find_spec("captum") is None:
        return f"{told}; what predictions are due to needs captum: pip install 'lm-workflow[views]'"
    return told


def weights(root: RootConfig, known: Known) -> str:
    """Look whether the checkpoints that are to be exported are there, or will be.

    Raises:
        UserError: where they are not.
    """
    if not root.export.chooses:
        return ""
    stage, where, trainer = "pretrain", "trainer", root.trainer
    if root.finetune.enabled:
        stage, where, trainer = "finetune", "finetune.trainer", root.finetune.trainer
    try:
        artifact = known.folder(stage)
    except NotYet:
        check_plan(trainer, root.export, where, _start(root, known) if stage == "pretrain" else None)
        raise
    if root.export.weights == "average" and root.export.average_last is None:
        return f"of {len(several(artifact))} checkpoints an average is chosen on the validation split"
    return choose(artifact, root.export).words


def _start(root: RootConfig, known: Known) -> tuple[str, list[int]] | None:
    """The shorter run that pretraining will go on from, as far as that is known."""
    from train.trunk import planned_start

    try:
        return planned_start(root, known)
    except NotYet:
        return None  # of what is not there yet no run can have begun


def _scores_text(root: RootConfig) -> bool:
    """Whether any of the models gives text a probability: a classifier gives it a label."""
    return not root.finetune.replaces_pretraining or task_of(root.finetune).scores_text


def _check_fraction(root: RootConfig, split: Literal["validation", "test"], remedy: str) -> None:
    if not getattr(root.clean, f"{split}_fraction") and not root.corpus.may_hold_out(split):
        raise UserError(
            f"clean.{split}_fraction=0 holds no {split} text out, which evaluation needs; raise it, or set {remedy}"
        )


def _check_window(root: RootConfig, known: Known, texts: Iterable[str], name: str) -> str:
    reader, most, tokens = _reader(root, known), root.evaluate.perplexity.max_tokens, 0
    for text in texts:
        tokens += reader.count(text) + 1  # eos
        if tokens >= reader.window:
            break
    check_length(min(tokens, most or tokens), name, reader.window)
    return f"{name} has at least {reader.window:,} tokens, one window"


def _reader(root: RootConfig, known: Known) -> Reader:
    window, init = root.evaluate.perplexity.context, root.finetune.init
    if init is None or not root.finetune.enabled:
        encoder = TextEncoder(known.folder("tokenizer"))
        return Reader(window or root.model.context, lambda text: len(encoder.encode(text)))
    from train.finetuning.base_model import named_base

    base = named_base(init, known.locate)
    return Reader(
        window or base.config.context,
        lambda text: len(base.tokenizer(text, add_special_tokens=False, verbose=False).input_ids),
    )
