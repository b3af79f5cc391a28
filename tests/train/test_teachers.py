"""Who may teach: what is refused before anything starts, and that a teacher's content is the identity."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.known import Known
from pipeline.plan import fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.store.artifacts import Store
from tests.pipeline.test_config import composed
from tests.train.written_runs import write_run
from train.checkpoints.final_model import save_model
from train.distillation.preflight import tokenizer_of_the_teacher


@pytest.fixture
def teacher(tiny_model: Callable, tokenizer, tmp_path: Path) -> Path:
    """The artifact of a run `base`, whose model reads 64 tokens."""
    return write_run(tmp_path, tiny_model, tokenizer)


def configured(folder: Path, *words: str) -> RootConfig:
    (folder / "text.txt").write_text("Some text.")
    own = [f"corpus.paths=[{folder / 'text.txt'}]", "run.name=mine", "tokenizer.path=" + str(folder / "own")]
    keys = [*own, "tokenizer.kind=pretrained", "model.context=32", *words]
    keys += [f"run.{name}={folder / name}" for name in ("artifacts", "runs")]
    return parse_config(
        composed("experiment=own", "corpus=files", "stage=pretrain", *(f"++{k}" for k in keys))
    )


def checks(root: RootConfig, artifact: Path) -> None:
    """Those of the teacher, as if the tokenizer's stage had made the one in `artifact`."""
    store = Store(Path(root.run.artifacts))
    preflight = Preflight(root, fingerprints(plan_stages(root, store)), store)
    preflight.refuse_what_will_fail()

    class Built(Known):
        def folder(self, stage: str) -> Path:
            return artifact

    tokenizer_of_the_teacher(root, Built(store, {}))


def refused(folder: Path, tokenizer, *words: str) -> str:
    save_tokenizer(tokenizer, folder / "own")
    save_tokenizer(tokenizer, folder / "artifact" / "tokenizer")
    with pytest.raises(UserError) as told:
        checks(configured(folder, *words), folder / "artifact")
    return str(told.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "model.context=128",
            "reads 64 tokens, and the student learns from sequences of 128; set trainer.seq",
        ),
        ("pretrain.distill.top_k=261", "top_k=261 tells all of the 261 tokens apart"),
        ("pretrain.distill.weight=0", "weight=0 leaves nothing of the teacher"),
        ("pretrain.distill.weight=1.1", "less than or equal to 1"),
        ("pretrain.distill.cache=true", "say how many: top_k=64"),
        ("objective.z_loss=0.1", "set objective.z_loss and objective.label_smoothing to 0"),
        ("pretrain.distill.teacher=distill_teacher", "make pretrain EXP=distill_teacher"),
        ("pretrain.distill.teacher=mine", "there is no model 'mine'"),
        (
            "model.family=encoder model.layout=bert objective.name=masked",
            "objective.name=masked predicts something else",
        ),
    ],
)
def test_what_would_not_work_is_told_at_once(
    words: str, message: str, teacher: Path, tokenizer, tmp_path: Path
) -> None:
    assert message in refused(tmp_path, tokenizer, "pretrain.distill.teacher=base", *words.split())


def test_another_tokenizer_of_the_same_size_is_refused(teacher: Path, tokenizer, tmp_path: Path) -> None:
    values = json.loads(tokenizer.backend_tokenizer.to_str())
    vocab = values["model"]["vocab"]
    first, second = sorted(vocab, key=vocab.__getitem__)[40:42]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    other = type(tokenizer)(
        tokenizer_object=Tokenizer.from_str(json.dumps(values)), eos_token="<|endoftext|>"
    )
    message = refused(tmp_path, other, "pretrain.distill.teacher=base")
    assert "has another tokenizer than the student" in message
    assert "2 ids stand for other tokens" in message


def test_content_is_the_identity_and_not_the_name(
    teacher: Path, tiny_model: Callable, tmp_path: Path, tokenizer
) -> None:
    save_tokenizer(tokenizer, tmp_path / "own")

    def identity(*words: str) -> str:
        root = configured(tmp_path, *words)
        return fingerprints(plan_stages(root, Store(Path(root.run.artifacts))))["pretrain"]

    first = identity("pretrain.distill.teacher=base")
    assert identity(f"pretrain.distill.teacher={teacher}") == first
    kept = ("pretrain.distill.top_k=8", "pretrain.distill.teacher=base")
    assert identity(*kept, "pretrain.distill.cache=true") == identity(*kept) != first
    fourth = identity("pretrain.distill.teacher=base", "pretrain.distill.step=4")
    assert identity(f"pretrain.distill.teacher={checkpoint_folder(teacher, 4)}") == fourth != first
    other = tiny_model(264, seed=5)
    save_model(teacher, dict(other.state_dict()), other.config, 264)
    assert identity("pretrain.distill.teacher=base") != first
