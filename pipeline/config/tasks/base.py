"""What all fine-tuning tasks have in common: the examples, what is trained, and how."""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from pipeline.config.base import NEUTRAL, Content, Section
from pipeline.config.choices import Choice
from pipeline.config.distillation import DistillConfig
from pipeline.config.lora import LoRAConfig
from pipeline.config.monitor import MonitorConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.schedules.linear import LinearSchedule
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.formats.hub import SCHEME, HubSplit
from pipeline.formats.training_artifact import base_files, described_checkpoint

FieldName = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
"""A number on the command line is one for YAML too, and names a column."""


def _weighted(files: Any) -> Any:
    """A file or a list of them as a map of files to weights."""
    if isinstance(files, str) and files != "???":  # which Hydra has where a value is missing
        return {files: 1.0}
    return dict.fromkeys(files, 1.0) if isinstance(files, list) else files


Files = Annotated[
    Annotated[dict[str, PositiveFloat], Field(min_length=1)] | None,
    BeforeValidator(_weighted),
    Content(in_order=True),
]
"""Files by name, with their weights. It may be written as one name, or as a list of names."""


class FinetuneDataConfig(Section):
    """Examples as jsonl, json, csv, tsv or Parquet files, or a zip of files whose ending is their lines' label.
    `artifact://<stage>/<path>` names a file of an input artifact, `hub://owner/name[:config][@revision]#split` a data
    set of the Hugging Face hub, or a local folder of one.
    """

    train: Files = None
    """A file, a list of files, or a map of files to weights: of how often an epoch takes each example. A fraction of
    a weight takes as large a part of the examples, by a hash of their source."""
    validation: Files = None
    """None holds out 5% of the training examples, by a hash of their source."""
    test: Files = None
    """Kept for `evaluate`; never trained on. None holds out another 5%."""
    prompt_field: FieldName | None = None
    """Field of the prompt, the source text or the text to classify; a list of texts is joined by spaces.
    None goes by the file's own names: prompt/response, prompt/completion, instruction/input/output (alpaca),
    source/target, text/label, sentence/label. A number is a column, from 1, of a csv or tsv without a header. Other
    columns are not read, and the log names them."""
    response_field: FieldName | None = None
    """Field of the response, the target or the label. Of a list of targets the first is trained on; in the test
    split all are references."""
    max_examples: PositiveInt | None = None
    """Train on the first so many; validation and test are held out before."""

    @property
    def named(self) -> dict[str, dict[str, float]]:
        """The files of each split that has some, with their weights."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: files for split, files in given.items() if files is not None}

    def targets_of(self, split: str, name: str) -> str | None:
        """The file with the targets of a file of a split, where they stand in another."""
        return None

    def problems(self) -> list[str]:
        found = self.file_problems()
        if (self.prompt_field is None) != (self.response_field is None):
            found.append("name both prompt_field and response_field, or neither")
        return found

    def file_problems(self) -> list[str]:
        """Of what should be data sets of the hub, and of weights."""
        found = []
        for split, files in self.named.items():
            if split != "train" and set(files.values()) != {1}:
                found.append(
                    f"the files of {split} have weights, which only those of train may have; name them alone"
                )
            for name in files:
                if name.startswith(SCHEME):
                    try:
                        HubSplit.parse(name)
                    except UserError as error:
                        found.append(f"{split}: {error}")
        return found


Batching = Literal["padded", "by_length", "packed"]


class FinetuneConfig(Choice):
    """Fine-tuning of what the run has pretrained, or of weights that exist."""

    tag: ClassVar[str] = "task"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length")
    """Values of `batching` that the task knows."""
    enabled: ClassVar[bool] = True
    """Whether there is anything to do."""
    distills: ClassVar[bool] = False
    """Whether what is learnt are next tokens, whose distribution a teacher may give."""

    init: Annotated[str | None, Content(base_files, or_name=True)] = None
    """What to start from: a run's name (with `/pretrain` behind it, its model before fine-tuning), the folder of an
    artifact or of a checkpoint of pretraining, a Hugging Face folder, or a name on the hub, with the tokenizer and the
    chat template that lie there. None takes what this run pretrains."""
    step: Annotated[PositiveInt | None, NEUTRAL] = None  # the content of what it leads to counts
    """The checkpoint of pretraining to take of the run or artifact that `init` names; None takes its finished model."""
    lora: LoRAConfig | None = None
    """Train adapters in place of all weights. The model is written with them merged, and they beside it."""
    distill: DistillConfig | None = None
    """Learn from a teacher beside the examples."""
    data: FinetuneDataConfig = FinetuneDataConfig()
    max_length: PositiveInt | None = None
    """Longest example in tokens; None means the model's context. A longer prompt
    loses its first turns, those of the system aside, or, being one turn, its middle."""
    batching: Batching = "padded"
    """How examples of different length share a batch. `padded`: each has a row, filled up to the longest. `packed`:
    several share a row, and none sees another; the same steps and losses with less computation. `by_length`: rows as
    `padded`, but a step takes examples of about one length, for models and tasks that cannot pack."""
    optim: OptimizerConfig = AdamWConfig(lr=2e-4, weight_decay=0.01)
    schedule: ScheduleConfig = LinearSchedule(warmup=0.05, min_ratio=0.0)
    trainer: TrainerConfig = TrainerConfig(epochs=3, global_batch=16)
    monitor: MonitorConfig = MonitorConfig()

    def problems(self) -> list[str]:
        found = []
        if self.data.train is None:
            found.append(
                "finetune.data.train is missing: name a jsonl or json file, or set finetune.task=none"
            )
        if self.step is not None and self.init is None:
            found.append(f"step={self.step} is for weights that exist: name them with finetune.init=…")
        if self.batching not in self.batchings:
            found.append(
                f"finetune.batching={self.batching} is nothing that finetune.task={self.choice} knows; set it to "
                f"{' or '.join(self.batchings)}"
            )
        if self.distill is not None and not self.distills:
            found.append(
                f"finetune.distill is for tasks that learn next tokens, and finetune.task={self.choice} learns "
                "something else; leave it out"
            )
        if self.monitor.active and not self.trainer.validate_every:
            found.append(
                "finetune.monitor looks at validations, and finetune.trainer.validate_every=0 has one at the end "
                "alone; set it to the steps between them"
            )
        return found

    def environment(self) -> dict[str, str]:
        """Of a training checkpoint, whose files hold weights alone, also which model they are of; and of a training
        that may end early, when its validations come and what they see."""
        found = described_checkpoint(self.init, "finetune.init")
        if self.monitor.patience is not None:
            validations = [self.trainer.validate_every, self.trainer.validation_sequences]
            found["validations"] = json.dumps(validations)
        return found

    @property
    def data_sections(self) -> list[FinetuneDataConfig]:
        """All that names files of examples."""
        return [self.data]

    @property
    def replaces_pretraining(self) -> bool:
        """Whether it starts from weights that exist, so that this run trains no model for it."""
        return self.enabled and self.init is not None


class HeadTaskConfig(FinetuneConfig):
    """A task with a head of its own on a body, which may also be one of several that are trained together."""

    tag: ClassVar[str] = "task"  # of a field that takes any of these and no other task


class ChatConfig(FinetuneConfig):
    """Fine-tuning of a model that answers in a chat."""

    template: Annotated[str | None, Content(or_name=True)] = None
    """How conversations are written: `alpaca`, `chatml`, `llama3`, `markers`, `text`, or a jinja file. None takes the
    tokenizer's own, or `markers` or `text` where it has none. It is kept with the model."""
