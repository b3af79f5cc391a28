"""Pretrained weights are trained with the tokenizer that they know, or the run is refused before anything starts."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pipeline.config.parsing import parse_config
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.vocabulary import read_vocabulary
from pipeline.plan import fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.store.artifacts import Store, finish
from tests.pipeline.test_config import composed

TOKENS = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "cd"]
SMALL = {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
MERGES = [("a", "b"), ("c", "d")]


def save(folder: Path, tokens: list[str], merges: list[tuple[str, str]] = MERGES) -> Path:
    """A tokenizer whose ids are the tokens' places, and the eos token behind them."""
    backend = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>").save_pretrained(folder)
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A model's folder as the planner sees it, with a tokenizer of 259 ids and 262 rows."""
    folder = save(tmp_path / "weights", TOKENS)
    (folder / "config.json").write_text(json.dumps(SMALL | {"vocab_size": 262}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def configured(tmp_path: Path, weights: Path, *words: str) -> RootConfig:
    (tmp_path / "notes.txt").write_text("Some text.")
    keys = [
        "stage=pretrain",
        f"run.artifacts={tmp_path / 'artifacts'}",
        f"corpus.paths=[{tmp_path / 'notes.txt'}]",
    ]
    keys += [f"model.path={weights}", *words]
    return parse_config(composed("experiment=own", "corpus=files", "model=hf", *(f"++{key}" for key in keys)))


def checks_of(root: RootConfig) -> Preflight:
    store = Store(Path(root.run.artifacts))
    return Preflight(root, fingerprints(plan_stages(root, store)), store)


def run_of(tmp_path: Path, weights: Path, *words: str) -> Callable[[], None]:
    return checks_of(configured(tmp_path, weights, *words)).refuse_what_will_fail


def brought(folder: Path) -> list[str]:
    return ["tokenizer.kind=pretrained", f"tokenizer.path={folder}"]


def test_their_own_tokenizer_is_fine(tmp_path: Path, weights: Path) -> None:
    run_of(tmp_path, weights, *brought(weights))()
    copy = save(tmp_path / "copy", TOKENS)
    run_of(tmp_path, weights, *brought(copy))()


def test_as_many_ids_in_another_order_are_refused(tmp_path: Path, weights: Path) -> None:
    swapped = [TOKENS[1], TOKENS[0], *TOKENS[2:]]
    with pytest.raises(UserError, match="2 ids stand for other tokens") as told:
        run_of(tmp_path, weights, *brought(save(tmp_path / "swapped", swapped)))()
    assert f"tokenizer=pretrained tokenizer.path={weights}" in str(told.value)


def test_the_same_ids_put_together_otherwise_are_refused(tmp_path: Path, weights: Path) -> None:
    other = save(tmp_path / "other", TOKENS, list(reversed(MERGES)))
    with pytest.raises(UserError, match="other merges"):
        run_of(tmp_path, weights, *brought(other))()


def test_a_part_of_their_vocabulary_is_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(UserError, match=r"stand for other tokens|of their tokens are missing"):
        run_of(tmp_path, weights, *brought(save(tmp_path / "part", TOKENS[:-1], MERGES[:1])))()


def test_more_ids_than_rows_are_refused_with_what_is_too_much(tmp_path: Path, weights: Path) -> None:
    added = "tokenizer.special_tokens=[TURN_1,TURN_2,TURN_3,TURN_4]"
    with pytest.raises(UserError, match=r"has 259 ids and 4 of tokenizer\.special_tokens.* know 262") as told:
        run_of(tmp_path, weights, *brought(weights), added)()
    assert "set tokenizer.special_tokens=[]" in str(told.value)
    run_of(tmp_path, weights, *brought(weights), "tokenizer.special_tokens=[TURN_1,TURN_2,TURN_3]")()


def test_a_vocabulary_size_above_the_rows_is_refused_before_it_is_trained(
    tmp_path: Path, weights: Path
) -> None:
    with pytest.raises(UserError, match=r"vocab_size=400 has 400 ids; the weights .* know 262"):
        run_of(tmp_path, weights, "tokenizer.vocab_size=400")()


def test_a_trained_tokenizer_is_compared_as_soon_as_it_is_there(tmp_path: Path, weights: Path) -> None:
    (weights / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 400}))
    root = configured(tmp_path, weights, "tokenizer.vocab_size=300")
    checks = checks_of(root)
    assert [
        found.state
        for found in checks.findings()
        if found.check.startswith("tokenizer") and "teacher" not in found.check
    ] == ["later"]
    store = Store(Path(root.run.artifacts))
    partial = store.partial("tokenizer", "mine", fingerprints(plan_stages(root, store))["tokenizer"])
    save(partial / TOKENIZER_FOLDER, list(reversed(TOKENS)))
    finish(partial, {"metrics": {}})
    with pytest.raises(UserError, match="would be random words"):
        checks.refuse_what_will_fail()


def test_gpt2s_files_are_compared_with_a_tokenizer_json(tmp_path: Path, weights: Path) -> None:
    folder = tmp_path / "pair"
    folder.mkdir()
    ids = {token: id for id, token in enumerate([*TOKENS, "<|endoftext|>"])}
    (folder / "encoder.json").write_text(json.dumps(ids))
    (folder / "vocab.bpe").write_text("#version: 0.2\na b\nc d\n")
    assert read_vocabulary(folder).difference(read_vocabulary(weights)) is None
    run_of(tmp_path, weights, *brought(folder))()
    (folder / "vocab.bpe").write_text("#version: 0.2\nc d\na b\n")
    with pytest.raises(UserError, match="other merges"):
        run_of(tmp_path, weights, *brought(folder))()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": {"vocab": 3}}'])
def test_a_damaged_tokenizer_is_told(tmp_path: Path, weights: Path, content: str) -> None:
    (weights / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="is damaged"):
        run_of(tmp_path, weights, *brought(weights))()


def test_weights_without_a_tokenizer_are_held_to_their_size(tmp_path: Path, weights: Path) -> None:
    foreign = save(tmp_path / "foreign", list(reversed(TOKENS)))
    for path in weights.glob("tokenizer*"):
        path.unlink()
    run_of(tmp_path, weights, *brought(foreign))()
    (weights / "config.json").write_text(json.dumps({"text_config": {"vocab_size": 200}}))
    with pytest.raises(UserError, match=r"has 259 ids.*; the weights .* know 200"):
        run_of(tmp_path, weights, *brought(foreign))()


@pytest.mark.e2e
@pytest.mark.parametrize("dryrun", ["true", "false"])
def test_the_command_refuses_before_it_builds(
    tmp_path: Path, weights: Path, pipeline: Callable[..., subprocess.CompletedProcess], dryrun: str
) -> None:
    swapped = save(tmp_path / "swapped", [TOKENS[1], TOKENS[0], *TOKENS[2:]])
    words = ["stage=pretrain", f"dryrun={dryrun}", "model=hf", f"model.path={weights}", *brought(swapped)]
    base = ["experiment=own", "run.name=demo", "tracking=none", "corpus=python_docs"]
    result = pipeline(tmp_path, *words, base=base)
    assert result.returncode == 2
    assert "is not that of the weights" in result.stderr, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not list(tmp_path.glob("artifacts/*/*-*"))
