"""The heads that tell relations, built again from what model.json says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from train.checkpoints.final_model import describe_model, described_model
from train.finetuning.classifier import classifier_on, load_classifier
from train.finetuning.head import ModelWithHead, load_with_head
from train.finetuning.relations.marked_classifier import MarkedClassifier
from train.models import Body, as_body, build_model

MARKS = "marks"
"""What model.json calls the ids of the markers whose states are taken."""


def related_on(body: Body, description: Mapping[str, Any]) -> ModelWithHead:
    if MARKS in description:
        return MarkedClassifier(body, description["labels"], description[MARKS])
    return classifier_on(body, description)


def load_related(artifact: Path, device: str | torch.device = "cpu") -> ModelWithHead:
    """The artifact's model in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    description = describe_model(artifact)
    if MARKS not in description:
        return load_classifier(artifact, device)
    body = as_body(build_model(*described_model(artifact)))
    return load_with_head(related_on(body, description), artifact, device)
