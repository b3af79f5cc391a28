"""Preference examples as token ids: several answers to a prompt, which are read together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from train.data.batches import PADDING, Batch
from train.finetuning.chat import PromptFormat, Source
from train.finetuning.examples import pad_rows
from train.finetuning.fitting import fit_prompt, prompt_room
from train.finetuning.text_ids import pad_id
from train.models import IGNORE_INDEX


@dataclass
class AnswerExamples:
    """Examples of `answers` rows each, every row a prompt with an answer: see `train.data.batches.Examples`."""

    input_ids: list[np.ndarray]
    """Of example i the rows from i · answers on."""
    labels: list[np.ndarray]
    """The token after each of `input_ids` in the answer, `IGNORE_INDEX` in the prompt."""
    pad_id: int
    context: int
    """Batches are padded to at most this length."""
    kept: list[int]
    """Which of the encoded examples these are; of some nothing is left when they are cut to the context."""
    cut_prompts: int
    """Examples whose prompt lost its first turns, or its middle."""
    cut_responses: int
    """Examples with an answer that was too long beside its prompt, and lost its end."""
    answers: int = 2
    facts: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What else a batch says of its examples, by name."""
    reference: np.ndarray | None = None
    """Log-probabilities of the answers under the model that training begins from, fp32 [examples, answers]."""

    def __len__(self) -> int:
        return len(self.input_ids) // self.answers

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Each example counts as one."""
        return np.ones(len(indices), dtype=np.int64)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and labels, int64 [B, answers, T]; facts [B]; reference, fp32 [B, answers], where there is one."""
        places = indices[:, None] * self.answers + np.arange(self.answers)
        rows = np.where(indices[:, None] == PADDING, PADDING, places).ravel()
        shape = (len(indices), self.answers, -1)
        batch = {
            "input_ids": pad_rows(self.input_ids, rows, self.pad_id, self.context).view(shape),
            "labels": pad_rows(self.labels, rows, IGNORE_INDEX, self.context).view(shape),
        }
        batch |= {name: torch.from_numpy(values[indices]) for name, values in self.facts.items()}
        if self.reference is not None:
            batch["reference"] = torch.from_numpy(self.reference[indices])
        return batch


def encode_answers(
    prompts: Sequence[Source],
    answers: Sequence[Sequence[str]],
    form: PromptFormat,
    max_length: int,
    facts: Mapping[str, np.ndarray] | None = None,
    compared: bool = True,
) -> AnswerExamples:
    """Prompts, each with its answers, the loss on the answers and the token that ends them.

    At most `max_length` tokens are read per row. The prompt gives way to the longest answer as far as it is more than
    half of them, so that all answers follow the same one: see `fit_prompt`. Then the answers lose their ends.

    Args:
        compared: the answers of an example are held against each other. Where they are the same once they are cut,
            there is nothing to learn from it, and it is left out.
    """
    count = len(answers[0]) if answers else 2
    prompt_ids = form.prompt_ids(prompts)
    pairs = [(prompt, answer) for prompt, row in zip(prompts, answers, strict=True) for answer in row]
    answer_ids = form.response_ids(pairs)
    input_ids: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    kept: list[int] = []
    cut_prompts = cut_responses = 0
    limit = max_length + 1  # the last token is predicted but never read
    for number, prompt in enumerate(prompt_ids):
        whole = answer_ids[number * count : (number + 1) * count]
        longest = max(map(len, whole))
        shown = fit_prompt(form, prompts[number], prompt, prompt_room(limit, longest))
        rows = [ids[: limit - len(shown)] for ids in whole]
        if compared and len(set(map(tuple, rows))) < count:
            continue
        kept.append(number)
        cut_responses += len(shown) + longest > limit
        cut_prompts += len(shown) < len(prompt)
        for answer in rows:
            ids = np.array(shown + answer, dtype=np.int32)
            input_ids.append(ids[:-1])
            labels.append(ids[1:].copy())
            labels[-1][: len(shown) - 1] = IGNORE_INDEX
    chosen = {name: values[kept] for name, values in (facts or {}).items()}
    filler = pad_id(form.tokenizer)
    return AnswerExamples(
        input_ids, labels, filler, max_length, kept, cut_prompts, cut_responses, count, chosen
    )
