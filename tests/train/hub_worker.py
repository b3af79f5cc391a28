"""Tells what `pretrain.init=NAME` comes to with the hub at `$HF_ENDPOINT`: `hub_worker.py FOLDER NAME…`."""

import json
import sys
from pathlib import Path

import torch

from pipeline.errors import UserError
from tests.train.test_initial_weights import checks, configured, weights_of
from train.checkpoints.named_model import named_model
from train.memory.forecast import forecast


def found(folder: Path, name: str) -> dict[str, object]:
    try:
        root = configured(folder, name)
    except UserError as error:
        return {"error": str(error)}
    checks(root)
    expected = root.tokenizer.expected_size()
    assert expected is not None
    before = {
        "init": root.pretrain.init,
        "family": root.model.choice,
        "context": root.model.context,
        "tokenizer": [root.tokenizer.choice, expected],
        "model": forecast(root, expected, None).facts["model"],
    }
    with torch.inference_mode():
        weights = sum(float(parameter.double().sum()) for parameter in weights_of(root).parameters())
        _, read = named_model(str(root.pretrain.init), "finetune.init").by_layer(2)
        by_layer = sum(float(tensor.double().sum()) for _, tensor in read)
    return {**before, "weights": weights, "by layer": by_layer}


if __name__ == "__main__":
    print(json.dumps([found(Path(sys.argv[1]), name) for name in sys.argv[2:]]))
