"""What all optimizers have in common."""

from typing import ClassVar

from pydantic import NonNegativeFloat, PositiveFloat

from pipeline.config.choices import Choice


class OptimizerConfig(Choice):
    """The optimizer of a training run."""

    tag: ClassVar[str] = "name"

    fits_layers: ClassVar[bool] = False
    """Whether layers of matrices are all that it needs of a model."""

    lr: PositiveFloat = 1e-3
    """Peak learning rate."""
    weight_decay: NonNegativeFloat = 0.1
    """Weight decay of matrices, decoupled from their gradients; norms and biases have none."""
    grad_clip: PositiveFloat | None = 1.0
    """Largest global gradient norm; None turns clipping off."""

    def summary(self) -> str:
        """The optimizer in a few words, for the model card."""
        return f"{self.choice}, peak rate {self.lr:g}, weight decay {self.weight_decay:g}"
