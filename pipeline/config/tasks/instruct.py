"""Answers in a chat."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, ChatConfig, FieldName, FinetuneDataConfig


class InstructDataConfig(FinetuneDataConfig):
    """Conversations, prompts with responses, and plain texts, as jsonl, json, csv, tsv or Parquet files."""

    prompt_field: FieldName | None = None
    """Field of the prompt, a text or a list of messages; without `response_field` of a whole conversation, or of a
    plain text. None looks for messages, conversations, conversation, prompt/response, prompt/completion,
    instruction/output (alpaca, with input), instruction/response (dolly, with context), question/answer,
    source/target and text. The columns `system` and `history` are read, too; the log names others."""
    response_field: FieldName | None = None
    """Field of the response. Of a list of responses the first is trained on; in the test split all are references."""

    def problems(self) -> list[str]:
        found = self.file_problems()
        if self.prompt_field is None and self.response_field is not None:
            found.append("name the prompt_field for the response_field, too")
        return found


class InstructConfig(ChatConfig):
    """Instruction tuning: answers in a chat, from conversations or from prompts with responses."""

    implementation: ClassVar[str] = "train.finetuning.tasks.instruct"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")
    distills: ClassVar[bool] = True

    task: Literal["instruct"] = "instruct"
    """Answers in a chat. The loss is on what the assistant says only, and on plain texts."""
    loss_on: Literal["all", "last"] = "all"
    """Whether all answers of a conversation are learnt, or the last."""
    data: InstructDataConfig = InstructDataConfig()
