"""The Python interface for notebooks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.notebook import Model, Run
from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, ShardWriter, token_dtype
from pipeline.store.artifacts import write_json


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return Model(str(folder))


def test_a_text_is_written_in_pieces_and_again_with_its_seed(model: Model) -> None:
    settings = {"seed": 2, "max_new_tokens": 12, "temperature": 1.2, "stop": "zz"}
    pieces = list(model.stream("hello", **settings))
    assert len(pieces) > 3
    assert "".join(pieces) == model.generate("hello", **settings)
    assert model.generate([{"role": "user", "content": "hello"}], **settings) != "".join(pieces)


def test_a_score_is_the_models_cross_entropy(model: Model) -> None:
    text = "Two words."
    opened = model.opened
    eos = opened.tokenizer.eos_token_id
    ids = torch.tensor([eos, *opened.encode(text), eos])
    with torch.inference_mode():
        logits = opened.model(ids[None, :-1])[0]
    expected = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum")
    score = model.score(text)
    assert score.nats == pytest.approx(float(expected), rel=1e-5)
    assert (score.tokens, score.bytes) == (11, 10)
    assert score.perplexity == pytest.approx(np.exp(score.nats / 11))
    assert score.bits_per_byte == pytest.approx(score.nats / np.log(2) / 10)


def test_a_text_longer_than_the_context_is_scored_whole(model: Model) -> None:
    score = model.score("ab" * 500)
    assert score.tokens == 1001
    assert score.nats > 0


def test_what_is_wrong_is_one_message(model: Model) -> None:
    with pytest.raises(UserError, match=r"temprature is no key; did you mean temperature\?"):
        model.generate("a", temprature=1)
    with pytest.raises(UserError, match="shorten the prompt"):
        model.generate("a" * 500)
    for what in ("a\udcff", [{"role": "user", "content": "a\udcff"}]):
        with pytest.raises(UserError, match="the prompt is not UTF-8"):
            model.generate(what)


def test_a_run_gives_its_figures_and_tokens(tmp_path: Path) -> None:
    artifact = tmp_path / "runs" / "mine" / "shards"
    artifact.mkdir(parents=True)
    with ShardWriter(artifact, "train-00000", token_dtype(100)) as writer:
        writer.write(np.arange(50))
    ShardIndex("<u2", 100, 0, "none", {"train": [writer.file]}).save(artifact)
    write_json(artifact / "manifest.json", {"metrics": {"train_tokens": 50}, "outputs": {}})
    run = Run("mine", str(tmp_path / "runs"))
    assert run.metrics("shards") == {"train_tokens": 50}
    assert run.tokens().read(10, 3).tolist() == [10, 11, 12]
    with pytest.raises(UserError, match=r"no artifact of the stage export \(there are: shards\)"):
        run.artifact("export")
    with pytest.raises(UserError, match="there is no run 'yours'"):
        Run("yours", str(tmp_path / "runs"))
