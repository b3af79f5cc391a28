"""How a model is trained: the sections shared by pretraining and fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import HORIZON, NEUTRAL, NeutralBool, Section
from pipeline.config.modules import ModuleIn
from pipeline.text.counts import counted

CALLBACKS = ModuleIn("train.callbacks", only_plugins=True)


class LossGuardConfig(Section):
    """What to do about steps whose loss or gradient norm is not finite, or far outside the recent ones."""

    action: Literal["off", "warn", "skip", "rollback"] = "skip"
    """`skip`: all ranks leave the weights as they are in such a step. `rollback`: they also go back to a checkpoint
    before them after `patience` in a row, and leave those windows out."""
    deviations: PositiveFloat = 10.0
    """Robust standard deviations (1.48 × the median absolute deviation) of the loss above the recent median."""
    norm_factor: PositiveFloat = 20.0
    """Gradient norm over the recent median."""
    history: Annotated[int, Field(ge=8)] = 128
    """Steps that count as recent; before there are a quarter as many only non-finite values are caught."""
    patience: PositiveInt = 3
    """How many outliers in a row lead to a rollback. With `skip`, how many in a row are left out for their norm alone:
    the next counts, since no data are to blame any more."""
    give_up_after: Annotated[PositiveInt, NEUTRAL] = 10
    """Steps in a row that did not count, after which training fails, since it has no way on. With `warn`, only those
    that are not finite; with `rollback`, also those that it left out among the recent steps."""

    def problems(self) -> list[str]:
        if self.action == "rollback" and self.patience > self.give_up_after:
            return [
                f"guard.patience={self.patience} is more than guard.give_up_after={self.give_up_after}: training would "
                "end before it rolls back; lower the one or raise the other"
            ]
        return []


class TrainerConfig(Section):
    """The training loop."""

    steps: Annotated[NonNegativeInt | None, HORIZON] = None
    """Optimizer steps; give this, or one of `tokens`, `epochs`, `tokens_per_parameter`, `flops` and `seconds`. 0 trains
    nothing: the weights that are named (`pretrain.init`, `finetune.init`) are evaluated and exported as they are."""
    tokens: Annotated[PositiveInt | None, HORIZON] = None
    """Training tokens; steps follow from the global batch and the sequence length."""
    epochs: Annotated[PositiveFloat | None, HORIZON] = None
    """Passes over the training data."""
    tokens_per_parameter: Annotated[PositiveFloat | None, HORIZON] = None
    """Training tokens per parameter of the model, embeddings included; about 20 is compute-optimal
    (Hoffmann et al., 2022)."""
    flops: Annotated[PositiveFloat | None, HORIZON] = None
    """Floating-point operations of the training; steps follow from what the model needs for a token (6 for each weight
    of a matrix, and attention's: Chowdhery et al., 2022), so that models of any kind can be given as much."""
    seconds: Annotated[PositiveFloat | None, HORIZON] = None
    """Time of the training; steps follow from `speed`, and so are known before it starts, and the same in every run."""
    speed: Annotated[PositiveFloat | None, HORIZON] = None
    """Tokens per second with which `seconds` counts: what a short run of the same model on the same machine has had
    (`tokens_per_second` among its metrics)."""
    global_batch: PositiveInt = 32
    """Sequences per optimizer step, over all ranks and accumulation steps."""
    micro_batch: Annotated[PositiveInt | None, NEUTRAL] = None
    """Sequences per rank and forward pass; None takes the global batch divided by the ranks.
    Gradient accumulation follows from this, the global batch and the number of ranks."""
    sequence_length: PositiveInt | None = None
    """Tokens per training sequence; None means the model's context."""
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: NeutralBool = False
    """Compile the model with torch.compile."""
    activation_checkpointing: Annotated[bool | PositiveInt, NEUTRAL] = False
    """Recompute activations in the backward pass, for memory: of each block, or with a number of every so many-th
    one, for as much less time and as much less memory saved."""
    validate_every: Annotated[NonNegativeInt, NEUTRAL] = 100
    """Steps between validations; 0 validates at the end only."""
    validation_sequences: Annotated[PositiveInt | None, NEUTRAL] = 256
    """Sequences per validation, over all ranks; None means the whole split."""
    checkpoint_every: Annotated[NonNegativeInt, NEUTRAL] = 200
    """Steps between checkpoints; 0 writes one at the end only."""
    keep_last: Annotated[PositiveInt, NEUTRAL] = 2
    """Checkpoints kept besides the best one."""
    keep_every: Annotated[NonNegativeInt, NEUTRAL] = 0
    """Checkpoints of steps that this number divides are kept too, for whatever is to start from them; 0 keeps none."""
    sample_every: Annotated[NonNegativeInt, NEUTRAL] = 500
    """Steps between sample texts; 0 turns them off."""
    sample_prompts: Annotated[list[str] | None, NEUTRAL] = None
    """What sample texts go on from; None takes the first words of two documents of the validation split."""
    log_every: Annotated[PositiveInt, NEUTRAL] = 10
    """Steps between logged metrics. Of a run of up to 2,000 steps the loss of every one is kept besides, for the
    report."""
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], NEUTRAL] = "auto"
    devices: Annotated[PositiveInt, NEUTRAL] = 1
    """Ranks per node."""
    nodes: Annotated[PositiveInt, NEUTRAL] = 1
    device_memory_gb: Annotated[PositiveFloat | None, NEUTRAL] = None
    """Memory of each device in 10⁹ bytes, to plan for devices that are not in this machine, or to overrule what was
    found. A run that is predicted to need more is refused; None asks the device that training runs on."""
    workers: Annotated[NonNegativeInt, NEUTRAL] = 0
    """Processes that load data, per rank; the memory-mapped loader rarely needs one."""
    threads: Annotated[PositiveInt | None, NEUTRAL] = None
    """CPU threads per rank; None shares the machine's cores among its ranks."""
    gc_every: Annotated[NonNegativeInt, NEUTRAL] = 0
    """Collect Python's garbage on all ranks together every so many steps, and not in between, where each rank would
    stop for it by itself and keep the others waiting; 0 leaves it to Python."""
    guard: LossGuardConfig = LossGuardConfig()
    callbacks: list[Annotated[str, CALLBACKS]] = []
    """Callbacks of your own, of which plugins have a module each in their folder `callbacks`. They are called after the
    validation of a step and before its checkpoint, in the order given here."""
    record_data: NeutralBool = False
    """Write which windows each step saw to `data/rank-<n>.jsonl`, to check what a run has read."""
    profile: Annotated[list[PositiveInt] | None, NEUTRAL] = None
    """The first and the last of the steps whose time is looked into, as [10, 12]: a trace for chrome://tracing or
    ui.perfetto.dev in the artifact's `profile/`, and the heaviest operators in the log."""
    deterministic: bool = False
    """Ask torch for deterministic kernels; bitwise equal runs, somewhat slower."""

    def environment(self) -> dict[str, str]:
        """The code of the callbacks, which plugins bring."""
        return CALLBACKS.plugin_code(self.callbacks)

    def problems(self) -> list[str]:
        found = []
        lengths = ("steps", "tokens", "epochs", "tokens_per_parameter", "flops", "seconds")
        given = [name for name in lengths if getattr(self, name) is not None]
        if len(given) != 1:
            told = f"give exactly one of {', '.join(lengths)}"
            values = " and ".join(f"{name}={getattr(self, name):g}" for name in given)
            found.append(
                f"{told}, and set the others to null: {values} are given, of which presets may have brought one "
                f"({' or '.join(f'{name}=null' for name in given)})"
                if given
                else f"{told} (none is given)"
            )
        if self.seconds is not None and self.speed is None:
            found.append(
                f"seconds={self.seconds:g} needs the tokens per second that they are counted with: set speed to the "
                "tokens_per_second that a short run of this model on this machine has had"
            )
        if self.keep_every and (not self.checkpoint_every or self.keep_every % self.checkpoint_every):
            found.append(
                f"keep_every={self.keep_every} must be a multiple of checkpoint_every={self.checkpoint_every}: only "
                "checkpoints that are written can be kept"
            )
        found += self._profile_problems()
        ranks = self.devices * self.nodes
        if self.global_batch % ranks:
            below = self.global_batch - self.global_batch % ranks
            near = [str(n) for n in (below, below + ranks) if n]
            found.append(
                f"global_batch={self.global_batch} does not divide among {ranks} ranks; nearest: {' or '.join(near)}"
            )
        elif self.micro_batch is not None and (self.global_batch // ranks) % self.micro_batch:
            share = self.global_batch // ranks
            divisors = [n for n in range(1, share + 1) if share % n == 0]
            near = sorted(divisors, key=lambda n: abs(n - self.micro_batch))[:2]
            found.append(
                f"micro_batch={self.micro_batch} does not divide a rank's share of the global batch "
                f"({self.global_batch} / {counted(ranks, 'rank')} = {share}); nearest: "
                f"{' or '.join(map(str, sorted(near)))}"
            )
        return found

    def _profile_problems(self) -> list[str]:
        if self.profile is None:
            return []
        if len(self.profile) != 2 or self.profile[0] > self.profile[1]:
            return [f"profile={self.profile} must be the first and the last step of a stretch, as [10, 12]"]
        if self.steps is not None and self.profile[1] > self.steps:
            return [
                f"profile={self.profile} ends behind steps={self.steps}; name steps that training comes to"
            ]
        return []

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes

    @property
    def accumulation(self) -> int:
        """Micro-batches per rank and optimizer step."""
        share = self.global_batch // self.ranks
        return share // (self.micro_batch or share)
