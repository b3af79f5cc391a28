"""Low-rank adapters: what is trained in place of all weights."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.config.base import Section


class LoRAConfig(Section):
    """Low-rank adapters (Hu et al., 2021), through peft. Without this section all weights are trained; any of its keys
    brings it."""

    rank: PositiveInt = 8
    alpha: PositiveFloat = 16
    """What the adapters learn is multiplied by alpha / rank."""
    variant: Literal["lora", "rslora", "dora"] = "lora"
    """`rslora` multiplies by alpha / √rank, so that a higher rank does not learn more slowly (Kalajdzievski, 2023).
    `dora` also trains the length of each of a matrix's rows by itself (Liu et al., 2024): somewhat better at low ranks,
    and slower."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    targets: list[str] | None = None
    """Names of the linear layers to adapt; None takes all of attention and MLP."""
    quantize: Literal["none", "nf4", "fp4"] = "none"
    """Hold the frozen matrices of attention and MLP in 4 bits (QLoRA; Dettmers et al., 2023), through bitsandbytes. The
    trained model has these rounded weights, with the adapters' products added to them."""
