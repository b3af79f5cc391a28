"""Our own encoder, in the layouts of BERT and ModernBERT.

Names, shapes and semantics of the parameters are those of the Hugging Face classes, so a state dict passes either way
as it is. One deliberate difference concerns training alone: dropout, where it is asked for, acts on the embeddings and
on each block's two outputs, and not on attention weights (the fused CPU kernels have none).
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.config.models.encoder import EncoderConfig
from pipeline.errors import UserError
from train.models.encoder import bert, modernbert
from train.models.encoder.attention import what_is_seen
from train.models.encoder.label_head import LabelHead
from train.models.encoder.layers import OutputLayer
from train.models.interface import IGNORE_INDEX, LossSum, MaskedLanguageModel
from train.models.pairs import with_pairs
from train.models.recomputation import recomputes


class Encoder(MaskedLanguageModel):
    """A masked language model; see `MaskedLanguageModel` for the methods' contract."""

    gradient_checkpointing: int = 0

    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.config = config
        self.vocab_size, self.context = vocab_size, config.context
        self.width, self.head_std = config.hidden, config.init_std
        self.reads_token_types = config.layout == "bert"
        self.judges_pairs = config.pair_head
        self.exported_poolings = ("first",) if config.layout == "bert" else ("first", "mean")
        # The attributes' names are part of the parameters' names.
        if config.layout == "bert":
            self.bert = bert.BertBody(config, vocab_size)
            self.cls = bert.PredictionHead(config, vocab_size)
        else:
            self.model = modernbert.ModernBertBody(config, vocab_size)
            self.head = modernbert.PredictionHead(config)
            self.decoder = OutputLayer(config.hidden, vocab_size, config.residual_std)
        if config.tie_embeddings:
            self.output.weight = self.body.embedding.weight

    @property
    def body(self) -> bert.BertBody | modernbert.ModernBertBody:
        return self.bert if self.config.layout == "bert" else self.model

    @property
    def transform(self) -> nn.Module:
        """What comes between the hidden states and the output matrix."""
        return self.cls.predictions.transform if self.config.layout == "bert" else self.head

    @property
    def output(self) -> OutputLayer:
        return self.cls.predictions.decoder if self.config.layout == "bert" else self.decoder

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer blocks: units for sharding and compilation."""
        return self.body.blocks

    @property
    def compiled_parts(self) -> list[nn.Module]:
        return [*self.blocks, self.transform, self.output]

    def label_head(self, labels: int) -> nn.Module:
        return LabelHead(self.config, labels)

    def drop_output(self) -> None:
        if self.config.layout == "bert":
            del self.cls
            if self.judges_pairs:
                del self.bert.pooler
        else:
            del self.head, self.decoder

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
        states = self.hidden(input_ids, segments=segments, lengths=lengths, token_types=token_types)
        asked = states
        if places is not None:
            asked = states.gather(1, places[..., None].expand(-1, -1, self.width))
        asked = self.transform(asked)
        if labels is None:
            return self.output(asked)
        loss = LossSum(self.output(asked, labels), (labels != IGNORE_INDEX).sum())
        return loss if pairs is None else with_pairs(loss, self._judge(states), pairs, labels)

    def judge(self, input_ids: Tensor, *, lengths: Tensor, token_types: Tensor) -> Tensor:
        return self._judge(self.hidden(input_ids, lengths=lengths, token_types=token_types))

    def _judge(self, states: Tensor) -> Tensor:
        """Logits [B, 2] of the final hidden states of pairs."""
        return self.cls.seq_relationship(self.bert.pooler(states))

    def hidden(
        self,
        input_ids: Tensor,
        *,
        segments: Tensor | None = None,
        lengths: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor:
        tokens = input_ids.size(1)
        if tokens > self.context:
            raise UserError(
                f"a sequence of {tokens} tokens is longer than the {self.context} this model was set up to read; "
                "shorten it, or raise model.context and train again"
            )
        positions = torch.arange(tokens, device=input_ids.device)
        if segments is not None:
            positions = positions - segments
        x, extras = self.body.embed(input_ids, positions, token_types)
        window = self.config.window if self.config.layout == "modernbert" else None
        seen = what_is_seen(x, segments, lengths, window)
        for index, block in enumerate(self.blocks):
            if recomputes(index, self.gradient_checkpointing):
                x = checkpoint(block, x, seen, *extras, use_reentrant=False)
            else:
                x = block(x, seen, *extras)
        return self.body.normalize(x)
