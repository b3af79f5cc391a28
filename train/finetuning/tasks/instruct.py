"""Answers in a chat, learnt from examples of them."""

from typing import ClassVar

from train.finetuning.chat_answers import ChatAnswers


class Instruct(ChatAnswers):
    """The loss is on the response alone."""

    what: ClassVar[str] = "A language model fine-tuned to answer in a chat."


TASK = Instruct()
