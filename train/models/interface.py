"""What the training path asks of any model, and evaluation and export of a causal language model."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from train.models.layers import Linear
from train.models.padding import pad_left

IGNORE_INDEX = -100
"""A label with this value does not count: padding, prompts, the token after the last."""


class FigureSum(NamedTuple):
    """A figure that is told beside the loss, as a sum with its weight, both scalars without a gradient."""

    total: Tensor
    count: Tensor


NO_FIGURES: Mapping[str, FigureSum] = MappingProxyType({})


class LossSum(NamedTuple):
    """A summed loss with its weight, so that means over micro-batches and ranks can be exact."""

    total: Tensor
    """Sum of the tokens' cross-entropies in nats, fp32 scalar, differentiable. Of another task's loss: the sum over
    its units, such as labels or pairs of answers."""
    tokens: Tensor
    """Number of labels or other units that counted, int64 scalar."""
    auxiliary: Tensor | None = None
    """What is trained on besides, in proportion to the tokens as `total` is: a mixture's load-balancing loss. It is no
    part of the loss that is reported."""
    figures: Mapping[str, FigureSum] = NO_FIGURES
    """What is measured on the way and told with the loss, by name, such as an accuracy. Each batch gives the same."""


class GenerationState(Protocol):
    """What a model remembers of the tokens it has read: a KV cache, a recurrent state."""

    @property
    def length(self) -> int:
        """Tokens read so far per row, left padding included."""

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order; beams repeat and drop rows."""


class TrainableModel(nn.Module):
    """What training asks of a model; one that reads from left to right is a `LanguageModel`.

    `forward` is the one entry for training, so that wrappers (DDP, FSDP, DeepSpeed, torch.compile) see it. It takes
    what the objective's examples hold, by name: token ids, labels, and whatever else the two have agreed on. Without
    labels it gives logits [B, T, V], with them a `LossSum`: so the logits of the whole batch need not exist at once.

    Where several documents share a row, `segments[b, t]` (int64 [B, T]) is the index in the row at which
    the document of `input_ids[b, t]` starts. Each is then read as if it stood alone: it sees no other, and
    its positions count from its own start.
    """

    vocab_size: int
    """Number of logits; at least the tokenizer's ids."""
    context: int
    """Longest sequence the model reads, in tokens."""
    peft_task: ClassVar[str] = "CAUSAL_LM"
    """How peft calls what such a model does."""

    @property
    def gradient_checkpointing(self) -> int:
        """Keep only a block's input for the backward pass and compute the rest again there: of every so many-th block,
        so 1 is all of them and 0, as at first, none.

        Setting it raises a UserError where the model cannot.
        """
        return 0

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, every: int) -> None:
        if every:
            raise UserError(
                f"{type(self).__name__} has no blocks to recompute; set trainer.activation_checkpointing=false"
            )

    @property
    def blocks(self) -> Iterable[nn.Module]:
        """The repeated layers: units for sharding, none where there is nothing to shard."""
        return ()

    @property
    def compiled_parts(self) -> Iterable[nn.Module]:
        """What torch.compile captures by itself, each part without a break; none where it takes the model as a whole,
        and its graph may break."""
        return ()


class Body(TrainableModel, ABC):
    """A model that gives hidden states, on which a fine-tuning task can put a head of its own.

    Its section says `gives_hidden_states`. How it reads, and so where a text's meaning is gathered, the section says by
    `reading`.
    """

    width: int
    """Size of a hidden state."""
    head_std: float = 0.02
    """Standard deviation with which the weights of a new head start."""
    exported_poolings: Collection[str] = ("last",)
    """Of which tokens the architecture's class of transformers takes the states for a text's label: see `Pooling`."""

    has_output: bool = True
    """Whether it still has the layers after its hidden states; see `drop_output`."""
    reads_token_types: bool = False
    """Whether it has embeddings that tell the texts of a pair apart."""

    @abstractmethod
    def hidden(
        self,
        input_ids: Tensor,
        *,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        """Final hidden states [B, T, width], normalized: what the output layers are applied to.

        Args:
            input_ids: int64 [B, T].
            segments: texts that share a row are read apart; see `TrainableModel`.
            lengths: int64 [B], how many tokens of each row come before its padding, which is at the right. A model that
                reads from left to right never sees what follows a token, and needs no telling.
            token_types: int64 [B, T], 1 in the second text of a pair and 0 elsewhere, for models that have embeddings
                of them. The others read a pair without.
        """

    def label_head(self, labels: int) -> nn.Module:
        """New layers from a text's vector [N, width] to logits [N, labels], as the architecture's class of transformers
        for labels has them. By default it is one matrix."""
        return Linear(self.width, labels, self.head_std)

    def drop_output(self) -> None:
        """Lose the layers after the hidden states, which nothing trains where a task has a head of its own.

        By default it is the output matrix, `lm_head`.
        """
        del self.lm_head


class MaskedLanguageModel(Body):
    """A model that reads both sides of a token, and says which one stands behind a mask: `Encoder`."""

    judges_pairs: bool = False
    """Whether it says of two texts whether they belong together as they stand, too."""

    @abstractmethod
    def forward(
        self,
        input_ids: Tensor,
        labels: Tensor | None = None,
        places: Tensor | None = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
        pairs: Tensor | None = None,
    ) -> Tensor | LossSum:
        """As of any model. A label is the token that stands at its own place.

        Args:
            places: int64 [B, K], the only places of each row that are asked for: then logits are [B, K, V] and labels
                [B, K], and the output layers are spared the other tokens, most of a text. None asks for all.
            segments, lengths, token_types: as of `Body.hidden`.
            pairs: int64 [B], the labels of pairs of texts, of which a model that judges them makes a loss besides: see
                `with_pairs`.
        """

    def judge(self, input_ids: Tensor, *, lengths: Tensor, token_types: Tensor) -> Tensor:
        """Logits [B, 2] of pairs of texts: that they belong together as they stand, and that they do not."""
        raise NotImplementedError(f"{type(self).__name__} judges no pairs")


class Begun(NamedTuple):
    """Texts that are being written."""

    state: GenerationState
    logits: Tensor
    """Of the next token of each, [B, V]."""
    room: int
    """How many tokens each can be continued by with this state."""


class WritingModel(TrainableModel, ABC):
    """A model that writes texts to prompts: a `LanguageModel` goes on with them, an encoder–decoder reads them as a
    whole and writes another text."""

    continues_prompts: ClassVar[bool] = False
    """Whether what it writes stands behind the prompt, as one text with it."""

    @abstractmethod
    def share_context(self, new_tokens: int) -> tuple[int, int]:
        """How many tokens of a prompt are read at most, and how many written then, where `new_tokens` are wanted."""

    @abstractmethod
    def room_after(self, prompt: int) -> int:
        """How many tokens can be written to a prompt of so many; less than 1 where it is too long."""

    @abstractmethod
    def begin(
        self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]], new_tokens: int
    ) -> Begun:
        """Read prompts (token ids, none of them empty) and what was written to them so far. Each gives what it would
        give alone.

        Args:
            new_tokens: how many more are to be written at most; there may be room for fewer.
        """

    @abstractmethod
    def next_logits(self, input_ids: Tensor, state: Any) -> Tensor:
        """Logits [B, V] after the last of `input_ids` [B, T], which continue `state`."""

    def lay_out_for_generation(self) -> None:
        """Lay the weights out in memory as a model that only writes from now on reads them fastest.

        Call it once the model is on its device. It computes the same after that, up to rounding, but without gradients,
        and is not to be trained, saved or moved: parameters may be gone.
        """


class LanguageModel(Body, WritingModel):
    """A model that reads from left to right, and writes: `Decoder`, `LSTM` and `HuggingFaceModel`.

    Labels are already shifted by the caller: `labels[b, t]` is the token after `input_ids[b, t]`,
    or `IGNORE_INDEX`. Right padding needs no mask, since what comes later is not seen; left
    padding, as batched generation has it, is told to `new_state`. A state is of the model's own kind.
    """

    continues_prompts: ClassVar[bool] = True

    @abstractmethod
    def forward(
        self, input_ids: Tensor, labels: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor | LossSum:
        """As of any model, with documents kept apart where segments are given.

        Where its section says `regularizes`, it takes what changes the loss in training as `regularization`, too
        (`LossChange` in `lm_head.py`).
        """

    @property
    def output_layer(self) -> Linear | None:
        """The layer that makes logits of what `hidden` gives, and all that is done to it; None where more is done. Then
        the logits of a whole batch are made at once where they are asked for."""
        return None

    @abstractmethod
    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy per token in nats, fp32 [B, T]; 0 where the label is ignored."""

    @abstractmethod
    def hidden(
        self,
        input_ids: Tensor,
        state: Any = None,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        """As of any `Body`. Lengths and token types tell such a model nothing.

        With a state, `input_ids` continue what the state has read, and it is advanced; segments are
        for rows without one.
        """

    @abstractmethod
    def new_state(
        self, batch_size: int, length: int, *, padding: Tensor | None = None, dtype: torch.dtype | None = None
    ) -> GenerationState:
        """An empty state for up to `length` tokens per row on the model's device.

        `padding` (int64 [B]) is the number of padding tokens at the left of each row.
        """

    def share_context(self, new_tokens: int) -> tuple[int, int]:
        """At least half of the context is the prompt's."""
        written = min(new_tokens, self.context - self.context // 2)
        return self.context - written, written

    def room_after(self, prompt: int) -> int:
        return self.context - prompt

    def begin(
        self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]], new_tokens: int
    ) -> Begun:
        """What was written continues the prompt."""
        texts = [[*prompt, *tokens] for prompt, tokens in zip(prompts, written, strict=True)]
        ids, padding = pad_left(texts, next(self.parameters()).device)
        length = min(self.context, ids.size(1) + new_tokens)
        state = self.new_state(len(texts), length, padding=padding)
        return Begun(state, self.next_logits(ids, state), length - ids.size(1))
