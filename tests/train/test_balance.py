"""The load-balancing loss of mixtures of experts: trained on where it is asked for, and on nothing else."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.constant import ConstantSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import Tracker, read_metrics
from train.checkpoints.files import Reader
from train.data.batches import Batch
from train.data.order import SampleOrder
from train.loop import fit, set_up_process
from train.models import IGNORE_INDEX, LanguageModel, build_model
from train.training_plan import TrainingPlan

VOCAB, LENGTH, BATCH, PARTS, FACTOR = 41, 10, 6, 3, 0.5
MIXTURE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 16,
    "moe_intermediate_size": 16,
    "num_experts_per_tok": 2,
}


def mixture(model_type: str = "mixtral", **fields: object) -> LanguageModel:
    torch.manual_seed(3)
    count = "num_local_experts" if model_type == "mixtral" else "num_experts"
    config = {"model_type": model_type, count: 4, **MIXTURE, **fields}
    return build_model(HuggingFaceConfig(config=config, context=LENGTH), VOCAB)


class Uneven:
    """Examples of unequal length: a prompt whose labels do not count, a response, padding."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(4)
        self.ids = torch.randint(1, VOCAB, (24, LENGTH), generator=generator)
        self.labels = torch.randint(1, VOCAB, (24, LENGTH), generator=generator)
        self.ends = torch.randint(3, LENGTH + 1, (24,), generator=generator)
        places = torch.arange(LENGTH)
        self.labels[(places < 2) | (places >= self.ends[:, None])] = IGNORE_INDEX

    def __len__(self) -> int:
        return len(self.ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return (self.labels[indices] != IGNORE_INDEX).sum(1).numpy()

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        return {"input_ids": self.ids[indices], "labels": self.labels[indices]}


def reference(model: LanguageModel, ids: Tensor, labels: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """(cross-entropy per counted label, balance loss) as transformers has them."""
    mask = (torch.arange(LENGTH) < ends[:, None]).long()
    outputs = model.model(ids, attention_mask=mask, output_router_logits=True)
    loss = torch.nn.functional.cross_entropy(
        outputs.logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE_INDEX
    )
    return loss, outputs.aux_loss


@pytest.mark.parametrize("model_type", ["mixtral", "qwen3_moe"])
@pytest.mark.parametrize(
    ("fields", "factor"),
    [
        ({}, 0.0),
        ({"router_aux_loss_coef": FACTOR}, FACTOR),
        ({"output_router_logits": True}, 0.001),
        ({"router_aux_loss_coef": FACTOR, "output_router_logits": False}, 0.0),
    ],
)
def test_it_is_added_where_it_is_asked_for(model_type: str, fields: dict, factor: float) -> None:
    model, rows = mixture(model_type, **fields), Uneven()
    ids, labels = rows.ids[:4], rows.labels[:4]
    loss, balance = reference(model, ids, labels, rows.ends[:4])
    found = model.train()(ids, labels)
    torch.testing.assert_close(found.total / found.tokens, loss)
    if factor:
        torch.testing.assert_close(found.auxiliary / found.tokens, factor * balance)
    else:
        assert found.auxiliary is None
    held_out = model.eval()(ids, labels)
    assert held_out.auxiliary is None
    torch.testing.assert_close(held_out.total, found.total)


def test_a_model_without_it_is_refused() -> None:
    fields = {"model_type": "llama", "router_aux_loss_coef": 0.1, **MIXTURE}
    with pytest.raises(
        UserError, match=r"LlamaForCausalLM .*no load-balancing loss; remove router_aux_loss_coef"
    ):
        build_model(HuggingFaceConfig(config=fields, context=LENGTH), VOCAB)


def test_recomputed_blocks_have_the_same_gradients() -> None:
    rows, found = Uneven(), []
    for recompute in (False, True):
        model = mixture(router_aux_loss_coef=FACTOR).train()
        model.gradient_checkpointing = recompute
        loss = model(rows.ids[:4], rows.labels[:4])
        (loss.total + loss.auxiliary).backward()
        found.append([p.grad for p in model.parameters()])
    for plain, again in zip(*found, strict=True):
        torch.testing.assert_close(plain, again)


def test_a_model_that_trains_on_it_can_write() -> None:
    model = mixture(output_router_logits=True).eval()
    padding = torch.tensor([0, 3])
    state = model.new_state(2, LENGTH, padding=padding)
    ids = torch.randint(1, VOCAB, (2, LENGTH))
    with torch.no_grad():
        model.next_logits(ids[:, :6], state)
        found = model.next_logits(ids[:, 6:7], state)
        torch.testing.assert_close(found[1], model(ids[1:, 3:7])[0, -1], rtol=1e-4, atol=1e-5)


def train(folder: Path, rows: Uneven) -> None:
    context = Context(folder, {}, Tracker(folder), logging.getLogger("train.test"), RunConfig(progress=False))
    trainer = TrainerConfig(
        steps=2,
        global_batch=BATCH,
        micro_batch=BATCH // PARTS,
        accelerator="cpu",
        threads=1,
        log_every=1,
        sample_every=0,
    )
    plan = TrainingPlan(
        model=mixture(router_aux_loss_coef=FACTOR),
        train=rows,
        validation={"": rows},
        steps=trainer.steps,
        tokens_per_example=LENGTH,
        flops_per_token=1.0,
        optim=AdamWConfig(lr=1e-2, grad_clip=None, weight_decay=0.0),
        schedule=ConstantSchedule(warmup=0),
        trainer=trainer,
        strategy=StrategyConfig.choose("single"),
        seed=5,
        on_gpu=set_up_process(trainer, 5),
        decode=str,
    )
    fit(plan, context)


def test_over_uneven_micro_batches_it_is_a_mean_over_their_tokens(tmp_path: Path) -> None:
    rows = Uneven()
    train(tmp_path, rows)
    metrics = read_metrics(tmp_path)
    model = mixture()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), weight_decay=0.0)
    order = SampleOrder(len(rows), 5)
    for step in range(2):
        chosen = torch.from_numpy(order.items(np.arange(step * BATCH, (step + 1) * BATCH))).chunk(PARTS)
        tokens = torch.tensor(
            [float(rows.target_counts(part.numpy(), part.numpy()).sum()) for part in chosen]
        )
        parts = [reference(model, rows.ids[part], rows.labels[part], rows.ends[part]) for part in chosen]
        losses, balances = (torch.stack(values) for values in zip(*parts, strict=True))
        loss, balance = ((values * tokens).sum() / tokens.sum() for values in (losses, FACTOR * balances))
        assert metrics[step]["train/loss"] == pytest.approx(loss.item(), rel=1e-5)
        assert metrics[step]["train/auxiliary_loss"] == pytest.approx(balance.item(), rel=1e-5)
        optimizer.zero_grad()
        (loss + balance).backward()
        optimizer.step()
    shapes = {name: p.shape for name, p in model.named_parameters()}
    trained = Reader(list_checkpoints(tmp_path)[-1]).weights(shapes)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(trained[name], parameter.data, rtol=1e-4, atol=1e-5)
    held_out, _ = reference(model, rows.ids, rows.labels, rows.ends)
    assert metrics[-1]["validation/loss"] == pytest.approx(held_out.item(), rel=1e-4)
