"""What all launchers have in common, and what the rest of the program asks of one's section."""

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from pipeline.config.choices import Choice


class LauncherConfig(Choice):
    """Where the workers of a stage run, and what starts them."""

    tag: ClassVar[str] = "kind"

    here: ClassVar[bool] = True
    """Whether workers run on the planner's own machine, so that its GPUs are theirs."""

    env: dict[str, str] = {}
    """Environment variables for the workers. Their values are kept in no file, but for the settings of SLURM jobs that
    are not over, which only you can read."""
    rank_timeout: Annotated[float, Field(ge=20)] | None = 600.0
    """Seconds after which a rank that stands still is ended, and its launch has failed; null waits for ever. Ranks
    give a sign of life every five seconds; a warning comes after a minute without one, or half of this."""
    attempts: PositiveInt = 1
    """Launches in a row that may end without a new checkpoint before the stage fails."""

    @property
    def waits(self) -> bool:
        """Whether the planner stays until the stages are built; one that does not returns when they are submitted."""
        return True

    def reach_problems(self, nodes: int, where: str) -> list[str]:
        """Why workers cannot be started on that many machines, one sentence each with the remedy.

        Args:
            where: the trainer's section that asks for them, such as `finetune.trainer`.
        """
        if nodes == 1:
            return []
        return [
            f"launcher={self.choice} cannot start workers on {where}.nodes={nodes} machines; "
            "choose launcher=slurm, or launcher=torchrun with the same command on each"
        ]
