"""Whether a teacher can teach this student, looked at before anything starts: see `pipeline.preflight`."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.base_weights import SETTING
from pipeline.config.distillation import DistillConfig
from pipeline.config.root import RootConfig
from pipeline.config.teachers import teacher_setting
from pipeline.errors import UserError
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.vocabulary import Vocabulary, read_vocabulary
from pipeline.known import Known
from train.finetuning.artifact import refuse_classifier

if TYPE_CHECKING:
    from train.checkpoints.named_model import NamedModel


def teacher_of_pretraining(root: RootConfig, known: Known) -> str:
    """Look at the teacher's weights and what it can read.

    Raises:
        UserError: where they are damaged, or it predicts no next token, or reads less than the student.
    """
    if (settings := root.pretrain.distill) is None:
        return ""
    from train.checkpoints.teacher import named_teacher

    teacher = named_teacher(settings, "pretrain")
    length = root.trainer.sequence_length or root.model.context
    _check(teacher, "pretrain", length, "trainer.sequence_length", root.data.packing != "concatenate")
    return _words(teacher)


def tokenizer_of_the_teacher(root: RootConfig, known: Known) -> str:
    """Compare the teacher's tokenizer with the student's, token by token.

    Raises:
        UserError: where they are not the same.
        NotYet: where the student's is still to be made.
    """
    if (settings := root.pretrain.distill) is None:
        return ""
    folder = known.folder("tokenizer")
    from train.checkpoints.teacher import named_teacher

    _check_tokenizer(named_teacher(settings, "pretrain"), "pretrain", folder / TOKENIZER_FOLDER, settings)
    return "it is the student's"


def teacher_of_finetuning(root: RootConfig, known: Known) -> str:
    """As `teacher_of_pretraining` and `tokenizer_of_the_teacher`.

    Raises:
        UserError: as they do; where the student cannot learn from a teacher.
    """
    if (settings := root.finetune.distill) is None:
        return ""
    from train.checkpoints.named_model import located_model
    from train.checkpoints.teacher import named_teacher
    from train.finetuning.base_model import named_base
    from train.finetuning.limits import longest

    model, name, init = root.model, "the model", root.finetune.init
    if init is not None:
        base = named_base(init, known.locate)
        model, name = base.config, base.name
    if model.reading != "left_to_right" or not model.regularizes:
        raise UserError(
            f"finetune.distill is for models that read from left to right and can learn from a teacher, and {name} is "
            f"of model.family={model.choice}; leave it out"
        )
    teacher = named_teacher(settings, "finetune")
    length = longest(root.finetune, model, name)
    _check(teacher, "finetune", length, "finetune.max_length", root.finetune.batching == "packed")
    if init is None:
        folder = known.folder("tokenizer") / TOKENIZER_FOLDER
    else:
        folder = located_model(init, known.locate, SETTING).tokenizer
    _check_tokenizer(teacher, "finetune", folder, settings)
    return _words(teacher)


def _words(teacher: "NamedModel") -> str:
    return f"{teacher.name}, which reads up to {teacher.config.context:,} tokens"


def _check(teacher: "NamedModel", section: str, length: int, shorten: str, apart: bool) -> None:
    """
    Args:
        length: the longest sequence that the student reads in training.
        shorten: the setting that makes it shorter.
        apart: whether documents that share a row are kept apart.
    """
    from train.checkpoints.initial import find_weights
    from train.models import family
    from train.models.sizes import build_on_meta

    setting = teacher_setting(section)
    if teacher.config.reading != "left_to_right":
        raise UserError(
            f"{setting}: {teacher.name} predicts no next token, since it does not read from left to right alone; name "
            "a causal language model"
        )
    if teacher.artifact is not None:
        weights = find_weights(str(teacher.folder), setting)
        weights.check_files()
        refuse_classifier(teacher.artifact.folder, weights)
    if teacher.config.context < length:
        raise UserError(
            f"{setting}: {teacher.name} reads {teacher.config.context:,} tokens, and the student learns from sequences "
            f"of {length:,}; set {shorten}={teacher.config.context}, or name a teacher that reads as far"
        )
    if apart:
        family(teacher.config).check_segments(build_on_meta(teacher.config, teacher.vocab_size))


def _check_tokenizer(teacher: "NamedModel", section: str, folder: Path, settings: DistillConfig) -> None:
    """Args: folder: of the student's tokenizer."""
    setting = teacher_setting(section)
    ours, theirs = read_vocabulary(folder), read_vocabulary(teacher.tokenizer)
    if ours is None or theirs is None:
        lacking = folder if ours is None else teacher.tokenizer
        raise UserError(
            f"{setting}: {lacking} has no tokenizer.json, so nobody can tell whether teacher and student have the same "
            "tokens; put it there"
        )
    if difference := _difference(ours, theirs):
        raise UserError(
            f"{setting}: {teacher.name} has another tokenizer than the student, to whom its distributions would be of "
            f"other tokens: {difference}. Train the student with its teacher's (tokenizer=pretrained "
            f"tokenizer.path={teacher.tokenizer}), or name another teacher"
        )
    if theirs.size > teacher.vocab_size:
        raise UserError(
            f"{setting}: {teacher.name} gives logits to {teacher.vocab_size:,} tokens, and its tokenizer has "
            f"{theirs.size:,}: they do not belong together"
        )
    if settings.top_k is not None and settings.top_k >= ours.size:
        raise UserError(
            f"{section}.distill.top_k={settings.top_k} tells all of the {ours.size:,} tokens apart that there are; set "
            f"it below {ours.size}, or leave it out to compare whole distributions"
        )


def _difference(ours: Vocabulary, theirs: Vocabulary) -> str | None:
    if found := ours.difference(theirs):
        return found
    if more := sorted(ours.ids.keys() - theirs.ids.keys()):
        return f"the student has {len(more):,} tokens that it does not know ({more[0]!r})"
    if lacking := sorted(theirs.ids.keys() - ours.ids.keys()):
        return f"the student lacks {len(lacking):,} of its tokens ({lacking[0]!r})"
    return None
