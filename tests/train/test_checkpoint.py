"""Saved models: they come back as they were, and one of another architecture is refused in words."""

from pathlib import Path

import pytest
import torch

from pipeline.checkpoints import print_checkpoints
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.errors import UserError
from tests.written_checkpoints import write_checkpoint
from train.checkpoints.final_model import (
    DESCRIPTION,
    MODEL_FOLDER,
    WEIGHTS,
    load_model,
    load_weights,
    save_model,
)
from train.finetuning.artifact import TASK_FILE, read_task
from train.models import build_model

DECODER = DecoderConfig(layers=2, hidden=32, heads=2, context=16)
LSTM = LSTMConfig(layers=1, hidden=16, embedding=16, context=16)


@pytest.mark.parametrize("config", [DECODER, DECODER.model_copy(update={"tie_embeddings": False}), LSTM])
def test_a_model_comes_back_as_it_was(tmp_path: Path, config: DecoderConfig | LSTMConfig) -> None:
    model = build_model(config, 50).eval()
    save_model(tmp_path, model.state_dict(), config, 50)
    loaded = load_model(tmp_path)
    ids = torch.randint(0, 50, (2, 16))
    assert torch.equal(model(ids), loaded(ids))


def test_weights_of_another_architecture_are_refused() -> None:
    other = build_model(DECODER.model_copy(update={"hidden": 64}), 50)
    with pytest.raises(UserError, match="another architecture"):
        load_weights(build_model(DECODER, 50), other.state_dict(), "there")
    with pytest.raises(UserError, match="another architecture"):
        load_weights(build_model(DECODER, 50), build_model(LSTM, 50).state_dict(), "there")


def test_a_folder_without_a_model_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no model"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "\x00", '{"model": 1, "vocab_size": 50}', '{"vocab_size": 50}']
)
def test_a_damaged_description_is_told_with_what_to_delete(tmp_path: Path, content: str) -> None:
    save_model(tmp_path, build_model(DECODER, 50).state_dict(), DECODER, 50)
    (tmp_path / MODEL_FOLDER / DESCRIPTION).write_text(content)
    with pytest.raises(
        UserError, match=rf"model\.json is damaged: .*delete the folder {tmp_path} and start again"
    ):
        load_model(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", "\x00"])
def test_a_damaged_task_is_told_with_what_to_delete(tmp_path: Path, content: str) -> None:
    (tmp_path / TASK_FILE).write_text(content)
    with pytest.raises(
        UserError, match=rf"task\.json is damaged: .*delete the folder {tmp_path} and start again"
    ):
        read_task(tmp_path)


def test_weights_that_are_gone_or_cut_are_told_with_what_to_delete(tmp_path: Path) -> None:
    save_model(tmp_path, build_model(DECODER, 50).state_dict(), DECODER, 50)
    path = tmp_path / MODEL_FOLDER / WEIGHTS
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=f"damaged .*delete {tmp_path} and start again"):
        load_model(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=f"delete {tmp_path} and start again"):
        load_model(tmp_path)


def test_a_loss_is_listed_where_it_is_new(tmp_path: Path, tiny_model, capsys) -> None:
    """Checkpoints between two lines of the log have the same last logged loss."""
    artifact = tmp_path / "pretrain" / "demo-1"
    for step, loss in ((4, 3.25), (8, 3.25), (12, 3.0)):
        write_checkpoint(artifact, step, tiny_model(), train_loss=loss)
    print_checkpoints(tmp_path)
    told = capsys.readouterr().out
    assert (told.count("3.2500"), told.count("3.0000")) == (1, 1)
    assert "train loss: the last one logged until then (trainer.log_every)" in told
