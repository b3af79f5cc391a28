"""What is measured and shipped: evaluate, export and report."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.base import CONTENT, NEUTRAL, Content, NeutralBool, Section
from pipeline.config.benchmarks import BenchmarkConfig, repeated
from pipeline.config.benchmarks import named as named_benchmarks
from pipeline.config.export_formats import ExportFormat
from pipeline.config.export_formats.base import named
from pipeline.config.modules import ModuleIn
from pipeline.formats.endings import ROW_ENDINGS, TEXT_ENDINGS
from pipeline.formats.model_folder import model_and_tokenizer_files

METRICS = ModuleIn("eval.metrics")
FEWEST_UNITS = 6
"""Documents or examples below which a figure has no confidence interval, and differences are not tested. An interval of
resamples never reaches beyond the documents that there are, and five all lie on one side of the middle of those that
they are drawn from once in sixteen times: so it would miss that at least as often, whatever `confidence` says. Nor
could a test find anything: where one run is better on all five, exchanging outputs at random makes as large a
difference once in sixteen times, which is no p below 0.05."""


class SamplingConfig(Section):
    """How a text is continued token by token."""

    max_new_tokens: PositiveInt = 128
    """Tokens after which a text ends at the latest; the model's context may end it before."""
    temperature: NonNegativeFloat = 0.8
    """How freely tokens are drawn; 0 takes the likeliest always, as `method=greedy` does."""
    top_k: PositiveInt | None = None
    """Draw among this many likeliest tokens."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = 0.95
    """Draw among the fewest likeliest tokens whose probabilities add up to this."""
    min_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Draw among tokens that are at least this many times as likely as the likeliest."""
    repetition_penalty: PositiveFloat = 1.0
    """Above 1, tokens of the prompt and of the text so far become less likely; not for `method=beam`."""


class DecodeConfig(SamplingConfig):
    """How text is generated."""

    method: Literal["greedy", "sample", "beam"] = "greedy"
    """`sample` draws with the settings above."""
    beams: PositiveInt = 4
    """Of `method=beam`: how many beginnings are followed side by side."""
    length_penalty: float = 1.0
    """Beam scores are divided by length to this power."""
    batch_size: Annotated[PositiveInt, NEUTRAL] = 32

    def problems(self) -> list[str]:
        if self.method == "beam" and self.repetition_penalty != 1:
            return [
                "repetition_penalty has no effect on method=beam; set it to 1, or choose greedy or sample"
            ]
        return []


class PerplexityConfig(Section):
    """Perplexity of the pretrained and of the fine-tuned model on a held-out split, and on texts from elsewhere."""

    split: Literal["validation", "test"] = "test"
    corpus: NeutralBool = False
    """Score the corpus's split although this run pretrains nothing (`finetune.init`). Without it such a run downloads
    and cleans no corpus, and only `files` are scored."""
    files: Annotated[list[str], CONTENT] = []
    """Further texts to score, each file by itself: plain text (one document, or a list of short ones: see
    `corpus.split_documents`), WikiText, or jsonl, json and Parquet with a `text`."""
    context: PositiveInt | None = None
    """Tokens the model sees at once; None means its own context."""
    stride: PositiveInt | None = None
    """New tokens scored per window; None means half the context. Smaller: more context for each token,
    slower."""
    batch_size: Annotated[PositiveInt, NEUTRAL] = 16
    max_tokens: PositiveInt | None = None
    """Score only the beginning of the split, and of each file."""
    pseudo_windows: NonNegativeInt = 0
    """Windows of which the pseudo-perplexity of a masked model is measured, spread over the text: each token is hidden
    alone (Salazar et al., 2020), which takes a pass for each. It is another quantity than a perplexity. 0 leaves it
    out."""
    count_line_ends: bool = False
    """For the word-level figure, count each line end as a word, as the literature does for WikiText and the
    Penn Treebank, whose lines end with an <eos> that is predicted too."""

    def problems(self) -> list[str]:
        # Said here, not after the training. Folders and globs without an ending are looked into when they are read.
        known = (*TEXT_ENDINGS, *ROW_ENDINGS)
        return [
            f"files={name}: no text is read from files of this ending (known: {', '.join(known)})"
            for name in self.files
            if PurePath(name).suffix not in ("", *known)
        ]


class BertScoreConfig(Section):
    """The metric `bertscore`."""

    encoder: Annotated[str | None, Content(model_and_tokenizer_files)] = None
    """Folder of an encoder as transformers saves it, such as one of BERT or RoBERTa; only safetensors are read."""
    layer: PositiveInt | None = None
    """Whose layer's vectors are compared; None takes the last. Zhang et al. chose it by people's judgements: 9 for
    bert-base-uncased and bert-base-multilingual-cased, 8 for bert-base-chinese, 17 for roberta-large."""


class MemorizationConfig(Section):
    """How much of its training text the pretrained model recites (Carlini et al., 2023, "Quantifying Memorization
    Across Neural Language Models"), and how well it remembers canaries."""

    prefixes: NonNegativeInt = 0
    """Passages of the training text, and as many of `evaluate.perplexity.split`, whose beginnings the model is given; 0
    leaves it out."""
    prefix_tokens: PositiveInt = 50
    """Length of such a beginning."""
    tokens: PositiveInt = 50
    """How many tokens after it the model must write just as they stand there, the likeliest one after the other."""
    candidates: Annotated[int, Field(ge=100)] = 10_000
    """Texts among which each canary of `clean.canaries` is ranked: all of its format where there are no more, else so
    many that are drawn at random, by the distribution of their losses."""


class EvaluateConfig(Section):
    """The evaluate stage."""

    perplexity: PerplexityConfig = PerplexityConfig()
    ngram_baselines: bool = True
    """Perplexity of a unigram, an interpolated bigram and a Kneser-Ney trigram model of the training split beside the
    model's, on the same split."""
    metrics: list[Annotated[str, METRICS]] = ["bleu", "chrf", "rouge"]
    """Scored on texts generated for the fine-tuning task's test examples; see docs/evaluation.md.
    Classification is always scored by accuracy and macro-averaged F1."""
    bleu_tokenize: Literal[
        "auto", "13a", "zh", "char", "intl", "ja-mecab", "ko-mecab", "spm", "flores101", "flores200"
    ] = "auto"
    """sacrebleu's tokenizer for BLEU: `auto` takes `13a`, its default, and for references in a script without spaces
    `zh` where it is Chinese, else `char`. The signature names it. `ja-mecab`, `ko-mecab` and the last three need
    packages of their own."""
    bertscore: BertScoreConfig = BertScoreConfig()
    decode: DecodeConfig = DecodeConfig()
    max_examples: PositiveInt | None = 200
    """Test examples scored, from the first; None takes all."""
    bootstrap: NonNegativeInt = 1000
    """Resamples behind each confidence interval; 0 leaves them out. Of fewer than six documents or examples there is
    none."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    prompts: list[str] | None = None
    """Prompts continued by the pretrained model, for the report and the model card: sampled with `decode`'s
    temperature, top_k and top_p, whatever its method. None takes the first words of two documents of the validation
    split; where the run has no tokens of a corpus (`finetune.init`) there are none then."""
    prompt_tokens: PositiveInt = 80
    """New tokens per prompt."""
    checkpoints: bool = False
    """Score every checkpoint that pretraining has kept (`trainer.keep_last`, `trainer.keep_every`), and the averages of
    the last two, three, …, on the validation split: a curve in the report."""
    memorization: MemorizationConfig = MemorizationConfig()
    benchmarks: Annotated[list[BenchmarkConfig], BeforeValidator(named_benchmarks)] = []
    """Tasks of lm-evaluation-harness that the run's models are scored on: names, as `[hellaswag, my_task.yaml]`, or
    tasks with settings, as `[{task: hellaswag, fewshot: 10, limit: 1000}]`; see docs/model_benchmarks.md."""
    views: list[str] = []
    """Texts that the report shows as the pretrained model reads them: what each attention head looks at, and which
    tokens its prediction of the next one is due to. A few short ones: at most 64 tokens are shown."""
    ratings: Annotated[list[str], CONTENT] = []
    """Files of answers that people have saved on a sheet of `make rate`: how often they prefer the model, or how they
    rate it, and how far they agree."""
    accelerator: Annotated[Literal["auto", "cpu", "gpu"], NEUTRAL] = "auto"

    def problems(self) -> list[str]:
        found = repeated(self.benchmarks)
        if "bertscore" in self.metrics and self.bertscore.encoder is None:
            found.append("metrics=bertscore needs an encoder; name its folder: evaluate.bertscore.encoder=…")
        if not all(text.strip() for text in self.views):
            found.append("views holds an empty text, of which there is nothing to see; leave it out")
        return found

    def environment(self) -> dict[str, str]:
        """The code of metrics that plugins bring."""
        return METRICS.plugin_code(self.metrics)


class WeightsConfig(Section):
    """Which weights of the last training are exported: of fine-tuning, where there is one."""

    weights: Literal["last", "best", "average", "ema"] = "last"
    """Of the last step; of the checkpoint with the lowest validation loss; or the mean of the last checkpoints, uniform
    or exponential. Only checkpoints that were kept count: see `trainer.keep_last` and `trainer.keep_every`. What is not
    of the last step is evaluated beside it."""
    step: PositiveInt | None = None
    """Take the checkpoint of this training step."""
    average_last: Annotated[int, Field(ge=2)] | None = None
    """With `weights=average`: of how many checkpoints. None takes as many as score best on the validation split, one
    at the least; for a pretrained model only."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """With `weights=ema`: the factor by which a checkpoint counts less for each step that it is older."""

    @property
    def chooses(self) -> bool:
        """Whether the weights are others than those of the last step."""
        return self.weights != "last" or self.step is not None

    def problems(self) -> list[str]:
        found = []
        if self.step is not None and self.weights != "last":
            found.append(
                f"step={self.step} and weights={self.weights} each say which weights are exported; leave one out"
            )
        if self.average_last is not None and self.weights != "average":
            found.append(f"average_last={self.average_last} is of use for weights=average only; set it, too")
        return found


class ExportConfig(WeightsConfig):
    """The export stage: a Hugging Face folder, and other forms of the same model."""

    dtype: Literal["fp32", "bf16"] = "fp32"
    tolerance: PositiveFloat = 1e-4
    """Largest absolute logit difference between our model and the exported one, in fp32."""
    formats: Annotated[list[ExportFormat], BeforeValidator(named)] = []
    """Further forms in which the model is handed on: names of formats, as `[gguf]`, or formats with settings, as
    `[{format: gguf, type: q8_0}]`; see docs/shipping.md."""
    license: str | None = None
    """Licence named on the model card; None takes the corpus's, and names none for the whole where the model was made
    of more than that: examples of fine-tuning, or weights of others."""

    def problems(self) -> list[str]:
        labels = [format.label for format in self.formats]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        return super().problems() + [f"formats names {label} twice; leave one of them out" for label in twice]


class ReportConfig(Section):
    """The report stage: one HTML file."""

    title: str | None = None
    """None takes the run's name."""
    samples: PositiveInt = 8
    """Examples shown per table."""
