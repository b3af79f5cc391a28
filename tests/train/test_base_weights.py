"""`finetune.init`: takes what `pretrain.init` takes, with the tokenizer and the chat template that lie there."""

import copy
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.config.stages import FinetuneStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import checkpoint_folder
from pipeline.formats.tokenizers import load_tokenizer, save_tokenizer
from pipeline.plan import fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.stages import STAGES, describe
from pipeline.store.artifacts import Store, write_json
from tests.pipeline.test_config import composed
from tests.train.written_runs import write_run
from train.checkpoints.final_model import save_model
from train.finetune import run as finetune
from train.finetuning.base_model import BaseModel, named_base

TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture
def base(tiny_model: Callable, tokenizer, tmp_path: Path) -> Path:
    """The artifact of a run `base`."""
    return write_run(tmp_path, tiny_model, tokenizer)


def configured(folder: Path, init: Path | str, *words: str, typed: tuple[str, ...] = ()) -> RootConfig:
    rows = [{"prompt": f"{n}?", "chosen": "Yes.", "rejected": f"No {n}."} for n in range(60)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    keys = ["run.name=mine", "finetune.task=dpo", f"finetune.init={init}", "finetune.trainer.micro_batch=1"]
    keys += [f"finetune.data.train={folder / 'pairs.jsonl'}", "stage=finetune", *words]
    keys += [f"corpus.paths=[{folder / 'pairs.jsonl'}]"]
    keys += [f"run.{name}={folder / name}" for name in ("artifacts", "runs")]
    return parse_config(composed("experiment=own", "corpus=files", *(f"++{key}" for key in keys)), typed)


def give_template(artifact: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    chatting = copy.deepcopy(tokenizer)  # which other tests have as it is
    chatting.chat_template = TEMPLATE
    save_tokenizer(chatting, artifact / "tokenizer")


def checks(root: RootConfig) -> None:
    store = Store(Path(root.run.artifacts))
    Preflight(root, fingerprints(plan_stages(root, store)), store).refuse_what_will_fail()


def base_of(root: RootConfig) -> BaseModel:
    assert root.finetune.init is not None
    return named_base(root.finetune.init, Path)


def print_of(root: RootConfig) -> str:
    return fingerprints(plan_stages(root, Store(Path(root.run.artifacts))))["finetune"]


def test_a_run_its_artifact_and_its_checkpoints(tmp_path: Path, base: Path, tiny_model: Callable) -> None:
    finished, fourth, ids = tiny_model(264), tiny_model(264, seed=4), torch.tensor([[9, 8, 7, 260]])
    for init, words, expected in (
        ("base", (), finished),
        ("base/pretrain", ("finetune.step=4",), fourth),
        (base, (), finished),
        (checkpoint_folder(base, 4), (), fourth),
    ):
        root = configured(tmp_path, init, *words)
        checks(root)
        found = base_of(root)
        assert (found.vocab_size, len(found.tokenizer)) == (264, 261)
        with torch.inference_mode():
            assert torch.equal(found.load().eval()(ids), expected(ids)), init
    assert [stage.stage.name for stage in plan_stages(root, Store(tmp_path / "artifacts"))] == ["finetune"]


def test_content_is_the_identity_and_not_the_name(
    tmp_path: Path, base: Path, tiny_model: Callable, tokenizer
) -> None:
    first = print_of(configured(tmp_path, "base"))
    assert print_of(configured(tmp_path, base)) == first
    fourth = print_of(configured(tmp_path, "base", "finetune.step=4"))
    assert print_of(configured(tmp_path, checkpoint_folder(base, 4))) == fourth != first
    give_template(base, tokenizer)
    second = print_of(configured(tmp_path, "base"))
    assert second != first, "the chat template is the tokenizer's"
    other = tiny_model(264, seed=5)
    save_model(base, dict(other.state_dict()), other.config, 264)
    assert print_of(configured(tmp_path, "base")) != second


def test_of_a_checkpoint_the_model_counts(tmp_path: Path, base: Path) -> None:
    before = print_of(configured(tmp_path, "base", "finetune.step=4"))
    spec = base / "stage.yaml"
    spec.write_text(spec.read_text().replace("heads: 4", "heads: 2"))
    (base / "model" / "model.json").write_text(
        (base / "model" / "model.json").read_text().replace('"heads": 4', '"heads": 2')
    )
    assert print_of(configured(tmp_path, "base", "finetune.step=4")) != before


def test_what_was_tuned_before_is_tuned_further_in_its_own_words(
    tmp_path: Path, base: Path, tokenizer, make_context: Callable[..., Context]
) -> None:
    """As `finetune=dpo finetune.init=RUN` does after `finetune=instruct`: the chat template goes along."""
    give_template(base, tokenizer)
    write_json(base / "task.json", {"task": "instruct"})
    steps = ("finetune.trainer.epochs=null", "finetune.trainer.steps=2", "finetune.trainer.global_batch=2")
    root = configured(tmp_path, "base", *steps, "finetune.trainer.compile=false")
    checks(root)
    context = make_context(tmp_path / "out")
    finetune(FinetuneStage(seed=1, finetune=root.finetune, strategy=root.strategy), context)
    assert load_tokenizer(context.folder).chat_template == TEMPLATE
    facts = json.loads((context.folder / "task.json").read_text())
    assert (facts["base"], facts["task"]) == ("base-1", "dpo")


def test_without_steps_the_weights_stay_and_the_summary_says_so(
    tmp_path: Path, base: Path, make_context: Callable[..., Context]
) -> None:
    """`finetune.trainer.steps=0` evaluates and exports what there is."""
    steps = ("finetune.trainer.epochs=null", "finetune.trainer.steps=0", "finetune.trainer.compile=false")
    root, context = configured(tmp_path, "base", *steps), make_context(tmp_path / "out")
    checks(root)
    metrics = finetune(FinetuneStage(seed=1, finetune=root.finetune, strategy=root.strategy), context)
    assert describe(STAGES["finetune"], metrics) == "the weights of base-1, not trained"
    kept, theirs = (load_file(folder / "model/model.safetensors") for folder in (context.folder, base))
    assert all(torch.equal(kept[name], theirs[name]) for name in kept)


@pytest.mark.parametrize(
    ("init", "words", "told"),
    [
        ("bsae", [], r"finetune\.init=bsae: there is no model 'bsae'.*did you mean base\?"),
        (
            "base",
            ["finetune.step=5"],
            r"finetune\.init=base: .*no checkpoint of step 5; the nearest is step=4",
        ),
        ("base", ["run.name=base"], r"finetune\.init=base is this run itself"),
        ("null", ["finetune.step=5"], r"step=5 is for weights that exist: name them with finetune\.init=…"),
    ],
)
def test_what_is_nothing_to_start_from_is_told(
    tmp_path: Path, base: Path, init: str, words: list[str], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        configured(tmp_path, init, *words)


def test_without_a_network_the_hub_is_named_and_how_to_do_without_it(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        try:
            raise socket.gaierror(-2, "Name or service not known")
        except OSError as error:
            raise FileNotFoundError("Got: ConnectError: [Errno -2] Name or service not known") from error

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    told = (
        r"finetune\.init=gpt2 is no folder or run here, and the Hugging Face hub cannot be reached: this machine has "
        r"no network, or needs a proxy, which HTTPS_PROXY names; .*name its folder: finetune\.init=FOLDER; runs "
        "here: base"
    )
    with pytest.raises(UserError, match=told):
        configured(tmp_path, "gpt2")


def test_the_command_that_makes_a_run_is_told_once(tmp_path: Path, base: Path) -> None:
    """Also where the run is called as the experiment that makes it."""
    (tmp_path / "runs/demo").mkdir()
    settings = {"artifacts": str(tmp_path / "artifacts"), "command": "python -m pipeline experiment=demo"}
    (tmp_path / "runs/demo/config.yaml").write_text(yaml.safe_dump({"run": settings}))
    with pytest.raises(UserError, match=r"no pretrain yet; make it: make pretrain EXP=demo") as told:
        configured(tmp_path, "demo/pretrain")
    assert str(told.value).count("make pretrain") == 1


def test_a_classifier_writes_no_answers(tmp_path: Path, base: Path) -> None:
    """The model before is named: what it was tuned from, which may be no pretraining of this run."""
    write_json(base / "task.json", {"task": "classify"})
    spec = yaml.safe_load((base / "stage.yaml").read_text())
    for changes, before in (
        ({"input_fingerprints": {"pretrain": "5"}}, str(base.parent / "*-5")),
        ({"config": {"finetune": {"init": "weights/of/others"}}}, "weights/of/others"),
    ):
        (base / "stage.yaml").write_text(yaml.safe_dump(spec | changes))
        told = f"task 'classify' and predicts no text; name the model before: {re.escape(before)}"
        with pytest.raises(UserError, match=told):
            checks(configured(tmp_path, "base"))


def test_a_checkpoint_of_finetuning_is_refused(tmp_path: Path, base: Path) -> None:
    spec = base / "stage.yaml"
    spec.write_text(spec.read_text().replace("stage: pretrain", "stage: finetune"))
    with pytest.raises(UserError, match=r"only those of pretrain are gone on from\. Name the finished model"):
        configured(tmp_path, "base", "finetune.step=4")


def test_weights_that_were_cut_are_told_before_the_start(tmp_path: Path, base: Path) -> None:
    weights = base / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"finetune\.init: .*model\.safetensors is damaged"):
        checks(configured(tmp_path, "base"))


def test_the_settings_of_a_run_that_tunes_nothing_may_name_nothing(tmp_path: Path, base: Path) -> None:
    root = configured(tmp_path, "nowhere", "finetune.task=none", "stage=pretrain")
    assert not root.finetune.enabled


def test_a_folder_that_lies_among_checkpoints_is_no_checkpoint(tmp_path: Path, base: Path, tokenizer) -> None:
    """As people keep models of others: `checkpoints/some-model`."""
    folder = tmp_path / "checkpoints" / "some-model"
    folder.mkdir(parents=True)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    write_json(folder / "config.json", {"model_type": "llama", "vocab_size": 261, **sizes})
    save_tokenizer(tokenizer, folder)
    assert base_of(configured(tmp_path, folder)).name == "some-model"
