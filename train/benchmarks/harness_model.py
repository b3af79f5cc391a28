"""A causal model behind the interface of lm-evaluation-harness: what it answers is what the harness's own class for
models of transformers answers of the exported folder."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from torch import Tensor

from pipeline.config.evaluation import DecodeConfig
from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.text.counts import counted
from train.generation.generate import END_OF_TURN, decode_text, generate_ids
from train.generation.stops import Stops
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

Pair = tuple[Any, list[int], list[int]]
"""A key of the harness's, the tokens of a context, and those of what continues it."""
MOST_LOGITS = 2**25
"""Of a batch: 128 MB in fp32."""
SAMPLED_BY = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Ranks:
    """How several processes that hold the same model, or its parts, share what is asked of it."""

    rank: int = 0
    count: int = 1
    add_up: Callable[[Tensor], Tensor] = lambda values: values
    """The sum of a tensor over all ranks, on each of them."""


class HarnessModel(TemplateLM):
    """Answers the harness's requests, each as if it were alone.

    Texts become ids by the tokenizer as transformers calls it, since that is what other programs do with the exported
    folder; a text that is too long loses its beginning.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: "PreTrainedTokenizerFast",
        batch_size: int,
        seed: int,
        ranks: Ranks | None = None,
        show_progress: bool = False,
    ):
        """
        Args:
            batch_size: rows at a time, at most.
            seed: of what is drawn where a task samples its texts.
        """
        super().__init__()
        self._tokenizer = tokenizer
        self._model, self._batch_size, self._seed = model, batch_size, seed
        self._ranks, self._show_progress = ranks or Ranks(), show_progress
        self._device = next(model.parameters()).device

    @property
    def eot_token_id(self) -> int:
        return self._tokenizer.eos_token_id

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text that has no context."""
        bos = self._tokenizer.bos_token_id
        return self.eot_token_id if bos is None else bos

    @property
    def max_length(self) -> int:
        return self._model.context

    @property
    def tokenizer_name(self) -> str:
        return self._tokenizer.name_or_path

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        special = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
        return self._tokenizer.encode(string, **special)

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """Of whole texts, cut into windows of the model's context of which each continues the one before."""
        windows: list[Pair] = []
        owners: list[int] = []
        for owner, request in enumerate(requests):
            (text,) = request.args
            cut = get_rolling_token_windows(self.tok_encode(text), self.prefix_token_id, self.max_length, 1)
            for window in cut:
                windows.append((None, *make_disjoint_window(window)))
                owners.append(owner)
        totals = [0.0] * len(requests)
        for owner, (score, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            totals[owner] += score
        return totals

    @torch.no_grad()
    def _loglikelihood_tokens(self, requests: Sequence[Pair], **_: Any) -> list[tuple[float, bool]]:
        """Of each pair the log-probability of the continuation, in nats, and whether it is the likeliest one token by
        token."""
        order = sorted(range(len(requests)), key=lambda i: -len(requests[i][1]) - len(requests[i][2]))
        found = torch.zeros(len(requests), 2, dtype=torch.float64, device=self._device)
        self._tell_of_long(requests)
        batches = self._batches([len(requests[i][1]) + len(requests[i][2]) for i in order])
        # Every rank makes as many passes: where it holds a part of the weights only, all must take part in each.
        with progress("answering", len(batches), "batches", enabled=self._show_progress) as bar:
            for number in range(0, len(batches), self._ranks.count):
                mine = number + self._ranks.rank
                first, past = batches[min(mine, len(batches) - 1)]
                chosen = order[first:past]
                scores = self._score([requests[i] for i in chosen])
                if mine < len(batches):
                    found[torch.tensor(chosen, device=self._device)] = scores
                bar.advance(min(self._ranks.count, len(batches) - number))
        rows: list[list[float]] = self._ranks.add_up(found).tolist()
        return [(score, bool(greedy)) for score, greedy in rows]

    def _tell_of_long(self, requests: Sequence[Pair]) -> None:
        long = sum(len(context) + len(rest) > self.max_length + 1 for _, context, rest in requests)
        if long and self._ranks.rank == 0:
            logger.warning(
                "%s of %s longer than the model's context of %d tokens, and their beginnings are cut off",
                *(f"{long:,}", counted(len(requests), "request is", "requests are"), self.max_length),
            )

    def _batches(self, lengths: Sequence[int]) -> list[tuple[int, int]]:
        """Runs of rows, the longest first, whose logits fit."""
        batches: list[tuple[int, int]] = []
        first = 0
        while first < len(lengths):
            width = max(1, min(lengths[first] - 1, self.max_length))
            rows = max(1, min(self._batch_size, MOST_LOGITS // (width * self._model.vocab_size)))
            batches.append((first, min(first + rows, len(lengths))))
            first += rows
        return batches

    def _score(self, pairs: Sequence[Pair]) -> Tensor:
        """Log-probability and likeliest or not, float64 [N, 2]."""
        texts = [(context + rest)[-(self.max_length + 1) :] for _, context, rest in pairs]
        width = max(len(text) for text in texts) - 1
        inputs = torch.full((len(texts), width), self.eot_token_id, dtype=torch.long)
        for row, text in enumerate(texts):
            inputs[row, : len(text) - 1] = torch.tensor(text[:-1])
        logits = self._model(inputs.to(self._device))
        assert isinstance(logits, Tensor)  # without labels
        scores = []
        for row, (text, (_, _, rest)) in enumerate(zip(texts, pairs, strict=True)):
            asked = min(len(rest), len(text) - 1)
            labels = torch.tensor(text[len(text) - asked :], dtype=torch.long, device=self._device)
            predicted = logits[row, len(text) - 1 - asked : len(text) - 1].float().log_softmax(-1)
            total = predicted.gather(-1, labels[:, None]).sum().double()
            greedy = (predicted.argmax(-1) == labels).all()
            scores.append(torch.stack([total, greedy.double()]))
        return torch.stack(scores)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """Texts that continue prompts up to one of the texts that end them, or to as many tokens as the task says."""
        alike: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            alike.setdefault(json.dumps(request.args[1], sort_keys=True), []).append(number)
        texts = [""] * len(requests)
        for settings, numbers in alike.items():
            prompts = [requests[number].args[0] for number in numbers]
            for number, text in zip(numbers, self._write(prompts, json.loads(settings)), strict=True):
                texts[number] = text
        return texts

    def _write(self, prompts: Sequence[str], settings: dict[str, Any]) -> list[str]:
        decode, until = read_generation(settings, self.max_length, self._batch_size)
        vocabulary = self._tokenizer.get_vocab()
        ends = [self.eot_token_id, *([vocabulary[END_OF_TURN]] if END_OF_TURN in vocabulary else [])]
        room = self.max_length - decode.max_new_tokens
        ids = [(self.tok_encode(prompt) or [self.prefix_token_id])[-room:] for prompt in prompts]
        with progress("writing", len(ids), "texts", enabled=self._show_progress) as bar:
            written = generate_ids(
                self._model,
                ids,
                decode,
                self._seed,
                Stops(ends, until),
                decode=partial(decode_text, self._tokenizer),
                advance=bar.advance,
            )
        return [
            postprocess_generated_text(decode_text(self._tokenizer, each), until, None) for each in written
        ]


def read_generation(
    settings: dict[str, Any], context: int, batch_size: int
) -> tuple[DecodeConfig, list[str]]:
    """How a task's `generation_kwargs` have texts written, and the texts that end them.

    Raises:
        UserError: where a model of that context has no room for so much, or the task asks for what is not known here.
    """
    given: dict[str, Any] = {**normalize_gen_kwargs(settings)}
    until = [text for text in given.pop("until") if text]
    tokens, sampled = given.pop("max_gen_toks"), given.pop("do_sample")
    known = {name: given.pop(name) for name in SAMPLED_BY if name in given}
    most = context - context // 2
    if tokens > most:
        raise UserError(
            f"it writes up to {tokens} tokens (generation_kwargs: max_gen_toks), and a model with a context of "
            f"{context} writes {most} at most; give the benchmark max_new_tokens: {most}, or raise model.context"
        )
    if given:
        raise UserError(
            f"its generation_kwargs ask for {', '.join(sorted(given))}, which is not known here; texts are written "
            f"greedily or sampled by {', '.join(SAMPLED_BY)}"
        )
    if not sampled:
        known = {"repetition_penalty": known.get("repetition_penalty", 1.0)}
    drawn: dict[str, Any] = {"method": "sample" if sampled else "greedy", "top_p": None, **known}
    return DecodeConfig(max_new_tokens=tokens, batch_size=batch_size, **drawn), until
