"""Every preference loss, and its gradient, is TRL's on the same batch."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.config.lora import LoRAConfig
from pipeline.config.models.decoder import DecoderConfig
from train.adapters.lora import add_adapters
from train.finetuning.preferences.kto_loss import KTOLoss
from train.finetuning.preferences.model import PreferenceLoss, PreferenceModel
from train.finetuning.preferences.pair_losses import DPOLoss, IPOLoss, ORPOLoss, SimPOLoss
from train.models import IGNORE_INDEX, build_model
from train.models.decoder.hf_config import to_hf_config

pytest.importorskip("trl", reason="trl is not installed: pip install --no-deps trl accelerate")

CONFIG = DecoderConfig(layout="llama", layers=2, hidden=32, heads=2, context=64, init_std=0.2)
ROWS = [
    {"prompt": "One and one?", "chosen": " It is two.", "rejected": " Three!"},
    {"prompt": "Name a colour of the sky.", "chosen": " Blue.", "rejected": " Why would I, of all people?"},
    {"prompt": "Up", "chosen": " Down", "rejected": " No"},
    {"prompt": "Say hello.", "chosen": " Hello to you.", "rejected": " Hm."},
]
COMMON = {
    "use_cpu": True,
    "bf16": False,
    "report_to": "none",
    "gradient_checkpointing": False,
    "per_device_train_batch_size": len(ROWS),
    "max_length": 64,
}


@pytest.fixture
def models(tokenizer):
    """Policy and reference, each as our decoder and as transformers' Llama of the same weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        ours = build_model(CONFIG, len(tokenizer)).eval()
        theirs = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**to_hf_config(CONFIG, len(tokenizer)))
        )
        theirs.load_state_dict(ours.state_dict())
        found.append((ours, theirs.eval()))
    return found


def compare(
    policy,
    loss: PreferenceLoss,
    theirs: torch.nn.Module,
    their_loss: Callable[[], Tensor],
    batch: dict[str, Tensor],
) -> None:
    model = PreferenceModel(policy, loss)
    found = model(**batch)
    mean = found.total / found.tokens
    expected = their_loss()
    torch.testing.assert_close(mean, expected, atol=2e-5, rtol=2e-5)
    mean.backward()
    expected.backward()
    others = dict(theirs.named_parameters())
    for name, ours in policy.named_parameters():
        torch.testing.assert_close(ours.grad, others[name].grad, atol=1e-4, rtol=1e-3)


def as_ours(ids: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs, and labels that are shifted to the token after."""
    return ids[:, :-1], torch.where(counted[:, 1:].bool(), ids[:, 1:], IGNORE_INDEX)


def reference_of(model, input_ids: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        width = input_ids.size(-1)
        losses = model.token_losses(input_ids.reshape(-1, width), labels.reshape(-1, width))
        return -losses.sum(-1).view(input_ids.shape[:-1])


def rows():
    from datasets import Dataset

    return Dataset.from_list(ROWS)


@pytest.mark.parametrize(
    ("name", "loss"), [("sigmoid", DPOLoss(beta=0.3)), ("ipo", IPOLoss(beta=0.3))], ids=["dpo", "ipo"]
)
def test_losses_with_a_reference(name, loss, models, tokenizer, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    (policy, theirs), (reference, their_reference) = models
    args = DPOConfig(str(tmp_path), beta=0.3, loss_type=name, **COMMON)
    trainer = DPOTrainer(
        theirs, their_reference, args, train_dataset=rows(), processing_class=copy.deepcopy(tokenizer)
    )
    batch = next(iter(trainer.get_train_dataloader()))
    input_ids, labels = (
        torch.stack(tensor.chunk(2), 1) for tensor in as_ours(batch["input_ids"], batch["completion_mask"])
    )
    ours = {"input_ids": input_ids, "labels": labels, "reference": reference_of(reference, input_ids, labels)}
    theirs.eval()
    compare(policy, loss, theirs, lambda: trainer.compute_loss(theirs, batch), ours)


def test_adapters_against_the_base_without_them(models, tokenizer, tmp_path: Path) -> None:
    """The reference is measured before the first step, when adapters add nothing; TRL switches them off."""
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    (policy, theirs), _ = models
    adapters = LoRAConfig(rank=4, alpha=8, dropout=0.0, targets=["q_proj", "down_proj"])
    their_adapters = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=adapters.targets)
    args = DPOConfig(str(tmp_path), beta=0.3, **COMMON)
    trainer = DPOTrainer(
        theirs,
        None,
        args,
        None,
        rows(),
        processing_class=copy.deepcopy(tokenizer),
        peft_config=their_adapters,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    input_ids, labels = (
        torch.stack(tensor.chunk(2), 1) for tensor in as_ours(batch["input_ids"], batch["completion_mask"])
    )
    ours = {"input_ids": input_ids, "labels": labels, "reference": reference_of(policy, input_ids, labels)}
    add_adapters(policy, adapters)
    trained = {name: p for name, p in policy.named_parameters() if p.requires_grad}
    others = dict(trainer.model.base_model.model.named_parameters())
    torch.manual_seed(3)
    for name, parameter in trained.items():
        torch.nn.init.normal_(parameter, std=0.2)
        others[name].data.copy_(parameter.data)
    trainer.model.eval()
    found = PreferenceModel(policy, DPOLoss(beta=0.3))(**ours)
    mean, expected = found.total / found.tokens, trainer.compute_loss(trainer.model, batch)
    assert abs(float(mean) - math.log(2)) > 0.01
    torch.testing.assert_close(mean, expected, atol=2e-5, rtol=2e-5)
    mean.backward()
    expected.backward()
    assert len(trained) == 8
    for name, parameter in trained.items():
        torch.testing.assert_close(parameter.grad, others[name].grad, atol=1e-4, rtol=1e-3)


def test_kto(models, tokenizer, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    (policy, theirs), (reference, their_reference) = models
    weights = {"desirable_weight": 1.5, "undesirable_weight": 0.5}
    args = KTOConfig(str(tmp_path), beta=0.3, **weights, **COMMON)
    rated = [
        {"prompt": row["prompt"], "completion": row["chosen" if i % 2 else "rejected"], "label": bool(i % 2)}
        for i, row in enumerate(ROWS)
    ]
    trainer = KTOTrainer(
        theirs,
        their_reference,
        args,
        train_dataset=Dataset.from_list(rated),
        processing_class=copy.deepcopy(tokenizer),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    own = as_ours(batch["input_ids"], batch["completion_mask"])
    other = as_ours(batch["KL_input_ids"], batch["KL_completion_mask"])
    width = max(own[0].size(1), other[0].size(1))

    def both(index: int, filler: int) -> Tensor:
        pads = [
            torch.nn.functional.pad(x[index], (0, width - x[index].size(1)), value=filler)
            for x in (own, other)
        ]
        return torch.stack(pads, 1)

    input_ids, labels = both(0, 0), both(1, IGNORE_INDEX)
    ours = {
        "input_ids": input_ids,
        "labels": labels,
        "reference": reference_of(reference, input_ids, labels),
        "desirable": torch.as_tensor(batch["label"], dtype=torch.bool),
    }
    theirs.eval()
    loss = KTOLoss(beta=0.3, **weights)
    compare(policy, loss, theirs, lambda: trainer.compute_loss(theirs, batch), ours)


@pytest.mark.parametrize("name", ["orpo", "simpo"])
def test_losses_without_a_reference(name, models, tokenizer, tmp_path: Path) -> None:
    """ORPO's plain fine-tuning is a mean of pairs' means, TRL's one of all tokens: compared pair by pair."""
    if name == "orpo":
        from trl.experimental.orpo import ORPOConfig, ORPOTrainer

        loss, trainer_class = ORPOLoss(beta=0.3), ORPOTrainer
        args = ORPOConfig(str(tmp_path), beta=0.3, **COMMON | {"per_device_train_batch_size": 1})
    else:
        from trl.experimental.cpo import CPOConfig, CPOTrainer

        loss, trainer_class = SimPOLoss(beta=0.3, gamma=0.2), CPOTrainer
        kind = {"loss_type": "simpo", "cpo_alpha": 0.0, "simpo_gamma": 0.2}
        args = CPOConfig(str(tmp_path), beta=0.3, **kind, **COMMON)
    (policy, theirs), _ = models
    trainer = trainer_class(theirs, args, train_dataset=rows(), processing_class=copy.deepcopy(tokenizer))
    theirs.eval()
    for batch in trainer.get_train_dataloader():
        width = max(batch[f"{kind}_input_ids"].size(1) for kind in ("chosen", "rejected"))

        def both(what: str, filler: int, batch=batch, width=width) -> Tensor:
            parts = [batch[f"{kind}_{what}"] for kind in ("chosen", "rejected")]
            return torch.stack(
                [torch.nn.functional.pad(x, (0, width - x.size(1)), value=filler) for x in parts], 1
            )

        ids, targets = both("input_ids", 0), both("labels", IGNORE_INDEX)
        ours = {"input_ids": ids[..., :-1], "labels": targets[..., 1:]}
        policy.zero_grad()
        theirs.zero_grad()
        compare(policy, loss, theirs, lambda batch=batch: trainer.compute_loss(theirs, batch), ours)
