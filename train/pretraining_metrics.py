"""The figures that a pretraining tells of itself."""

import math
from pathlib import Path

from pipeline.config.stages import PretrainStage
from pipeline.formats.held_out import read_held_out, together
from pipeline.store.manifest import StageMetrics
from train.checkpoints.initial import InitialWeights
from train.checkpoints.teacher import describe_teacher
from train.loop import FitResult
from train.models import count_parameters
from train.training_plan import TrainingPlan


def pretraining_metrics(
    plan: TrainingPlan,
    config: PretrainStage,
    initial: InitialWeights | None,
    parameters: int,
    result: FitResult,
) -> StageMetrics:
    """Sizes, losses and speed, with a headline.

    Args:
        parameters: of the model without adapters.
    """
    metrics: dict[str, float | str | None] = {
        "parameters": parameters,
        "steps": result.steps,
        "tokens": result.tokens,
        "train_loss": result.train_loss,
        "tokens_per_second": result.tokens_per_second,
    }
    if plan.adapted:
        metrics["trainable_parameters"] = count_parameters(plan.model, trainable_only=True)
    if (distill := config.pretrain.distill) is not None:
        metrics["teacher"] = describe_teacher(distill, "pretrain")
    if plan.flops_per_token is not None:
        metrics["flops"] = plan.flops_per_token * result.tokens
    if plan.steps == 0:
        metrics["headline"] = (
            f"the weights of {initial.name if initial else config.pretrain.init}, not trained"
        )
    if result.initial_validation_loss is not None:
        metrics["initial_validation_loss"] = result.initial_validation_loss
    if (loss := result.validation_loss) is None:
        return metrics
    metrics |= {"validation_loss": loss, "best_validation_loss": result.best_validation_loss}
    metrics["headline"] = f"validation loss {loss:,.3f}"
    if config.objective.gives_perplexity:
        metrics["validation_perplexity"] = perplexity = math.exp(min(loss, 50.0))
        metrics["headline"] = f"validation perplexity {perplexity:,.1f}"
    return metrics


def bits_per_byte(folder: Path, result: FitResult) -> dict[str, float]:
    """Of the last validation, and with the tokenizer that the weights had before."""
    text = together(read_held_out(folder).values())
    if text is None:
        return {}
    found = {} if text.base_bits_per_byte is None else {"base_bits_per_byte": text.base_bits_per_byte}
    if result.validation_loss is not None:
        found["bits_per_byte"] = text.bits_per_byte(result.validation_loss)
    return found
