"""What all ways of pruning have in common."""

from typing import ClassVar, Literal

from pipeline.config.choices import Choice
from pipeline.config.models import ModelConfig


class PruneConfig(Choice):
    """How weights that exist are pruned before they are trained further."""

    tag: ClassVar[str] = "method"

    @property
    def drops(self) -> int:
        """How many of the model's layers are taken out."""
        return 0

    @property
    def keeps_zeros(self) -> bool:
        """Whether weights are set to zero that stay zero in the training that follows."""
        return False

    def summary(self) -> str:
        """What is done, in words."""
        return self.choice

    def misfits(self, model: ModelConfig) -> list[str]:
        """Contradictions with the model as it is when it is pruned."""
        return []


class SparseConfig(PruneConfig):
    """Single weights of the linear layers within the model's blocks are set to zero, and stay zero in training.
    Embeddings, the output, norms and biases stay whole."""

    sparsity: float = 0.5
    """Share of each matrix's weights that become zero."""
    pattern: Literal["any", "2:4"] = "any"
    """Where the zeros may lie: `2:4` sets two of each four neighbouring inputs of an output to zero, which sparse
    tensor cores of GPUs compute faster."""

    @property
    def keeps_zeros(self) -> bool:
        return True

    def summary(self) -> str:
        how = "two of each four" if self.pattern == "2:4" else f"{self.sparsity:.4g} of all"
        return f"{self.choice}: {how} weights of linear layers are zero"

    def problems(self) -> list[str]:
        if not self.sparsity < 1:
            return [f"sparsity={self.sparsity:g} would leave no weights; choose less than 1, such as 0.5"]
        if not self.sparsity > 0:
            return [f"sparsity={self.sparsity:g} would prune nothing; choose more than 0, such as 0.5"]
        if self.pattern == "2:4" and self.sparsity != 0.5:
            return [
                f"pattern=2:4 sets half of the weights to zero, not sparsity={self.sparsity:g}; leave sparsity out"
            ]
        return []
