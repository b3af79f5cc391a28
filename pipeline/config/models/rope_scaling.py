"""How rotary positions are stretched, so that a model reads longer texts than it was trained on at first."""

from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt

from pipeline.config.base import Section


class RopeScalingConfig(Section):
    """Slower rotary positions, under the names of `rope_parameters` in transformers."""

    rope_type: Literal["linear", "yarn", "llama3"] = "yarn"
    """`linear`: all turn `factor` times slower (Chen et al., 2023). `yarn`: only channels that turn less than
    `beta_fast` times within the original context, and attention gets sharper (Peng et al., 2023). `llama3`: channels
    whose wavelength is long against the original context (Llama Team, 2024)."""
    factor: PositiveFloat = 4.0
    """How many times longer the texts are."""
    original_max_position_embeddings: PositiveInt | None = None
    """The context that the model was trained with before, for yarn and llama3; None means `model.context` divided by
    the factor."""
    beta_fast: PositiveFloat = 32.0
    """yarn: channels that turn more often than this within the original context stay as they are."""
    beta_slow: PositiveFloat = 1.0
    """yarn: channels that turn less often than this are slowed by the whole factor; between the two, in part."""
    attention_factor: PositiveFloat | None = None
    """yarn: what rotated queries and keys are multiplied with; None means 0.1 × ln(factor) + 1."""
    low_freq_factor: PositiveFloat = 1.0
    """llama3: wavelengths above the original context divided by this are stretched by the whole factor."""
    high_freq_factor: PositiveFloat = 4.0
    """llama3: wavelengths below the original context divided by this stay as they are; between the two, in part."""

    def original_context(self, context: int) -> int:
        """Tokens that the model was trained on before, where it reads `context` now."""
        return self.original_max_position_embeddings or max(1, round(context / self.factor))

    def problems(self) -> list[str]:
        found = []
        if self.factor < 1:
            found.append(
                f"factor={self.factor:g} would make the context shorter; give how many times longer the "
                "texts become, 1 or more"
            )
        if self.rope_type == "yarn" and self.beta_fast <= self.beta_slow:
            found.append(f"beta_fast={self.beta_fast:g} must be above beta_slow={self.beta_slow:g}")
        if self.rope_type == "llama3" and self.high_freq_factor <= self.low_freq_factor:
            found.append(
                f"high_freq_factor={self.high_freq_factor:g} must be above low_freq_factor="
                f"{self.low_freq_factor:g}"
            )
        return found

    def parameters(self, context: int) -> dict[str, Any]:
        """What transformers' `rope_parameters` says of it, without `rope_theta`."""
        found: dict[str, Any] = {"rope_type": self.rope_type, "factor": self.factor}
        if self.rope_type == "linear":
            return found
        found["original_max_position_embeddings"] = self.original_context(context)
        if self.rope_type == "llama3":
            return found | {
                "low_freq_factor": self.low_freq_factor,
                "high_freq_factor": self.high_freq_factor,
            }
        found |= {"beta_fast": self.beta_fast, "beta_slow": self.beta_slow}
        if self.attention_factor is not None:
            found["attention_factor"] = self.attention_factor
        return found
