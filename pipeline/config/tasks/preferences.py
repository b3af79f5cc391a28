"""What the tasks that learn from preferences have in common."""

from pydantic import PositiveFloat

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.tasks.base import ChatConfig, FieldName, FinetuneDataConfig


class PreferenceDataConfig(FinetuneDataConfig):
    """Prompts with a chosen and a rejected answer, as jsonl, json, csv, tsv or Parquet files.

    Answers are texts, messages, or whole conversations that differ in their last turn alone.
    """

    prompt_field: FieldName | None = None
    """Field of the prompt, a text or a list of messages. None looks for prompt, instruction (with input), question,
    source and conversations; where none of them is there, the prompt is what the two conversations share."""
    chosen_field: FieldName = "chosen"
    """Field of the better answer."""
    rejected_field: FieldName = "rejected"
    """Field of the worse answer."""

    def problems(self) -> list[str]:
        found = self.pair_problems()
        if self.response_field is not None:
            found.append(
                "finetune.data.response_field is of no use here: name chosen_field and rejected_field"
            )
        return found

    def pair_problems(self) -> list[str]:
        """Of the fields of a pair, and of data sets of the hub."""
        found = self.file_problems()
        if self.chosen_field == self.rejected_field:
            found.append(
                f"finetune.data.chosen_field and rejected_field are both {self.chosen_field!r}; name one field for each"
            )
        return found


class PreferenceConfig(ChatConfig):
    """Training on pairs of answers, of which one is preferred to the other."""

    beta: PositiveFloat = 0.1
    """How strongly the model is held to what it was: the factor of the reward."""
    data: PreferenceDataConfig = PreferenceDataConfig()
    optim: OptimizerConfig = AdamWConfig(lr=1e-6, weight_decay=0.0)
