"""What was trained on what, and whether it is any good, in a few sentences for somebody who was not there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.reporting.pages import duration, hardware, number
from eval.reporting.report_data import StageRecord, confidence_of, read_initial
from eval.reporting.report_plots import compact
from eval.results import SHORTENED, Result
from pipeline.formats.ancestry import corpus_of, pretraining_of
from pipeline.formats.cut_examples import NOTABLE_SHARE, describe_cut
from pipeline.formats.direction import badness
from pipeline.formats.source import Source
from pipeline.formats.training_artifact import run_label, weights_name
from pipeline.store.artifacts import MANIFEST, read_json
from pipeline.store.manifest import figure, words
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated
from train.data.sequences import MANY_EPOCHS
from train.finetuning.facts import KNOWN_ANSWERS

COMPUTE_OPTIMAL = 20
"""Training tokens per parameter at which a given compute is spent best (Hoffmann et al., 2022), roughly."""
COUNTED = {"bigram": "pairs of tokens", "trigram": "triples of tokens"}
"""What the baselines count, the better ones last."""
FEW_EXAMPLES = 100
"""With fewer test examples a score is a rough one: an accuracy of 80% by eight points to either side."""
MANY = 0.25
"""From which share of the test examples on it is told what is wrong with them."""
SHOWN = 3
"""Files that are named at most."""
LEADING = ("bits_per_byte", "word_perplexity", "perplexity")
"""Figures of held-out text, the one first that compares models of any tokenizer."""


def summarize(
    stages: Mapping[str, StageRecord],
    results: Sequence[Result],
    sources: Sequence[Source],
    exported: str | None = None,
) -> list[str]:
    """The sentences, of what there is.

    Args:
        results: of the exported weights in the place of those of the last step.
        exported: which weights these are, in words, where they are others.
    """
    found = []
    if pretrain := stages.get("pretrain"):
        found.append(_trained(pretrain, sources))
        shards = stages.get("shards")
        text_tokens = figure(shards.metrics, "train_tokens") if shards else None
        if verdict := judge(results, pretrain, text_tokens):
            found.append(verdict)
    if finetune := stages.get("finetune"):
        found.append(_tuned(finetune, results, alone=pretrain is None))
        found += judge_answers(results, finetune, stages.get("evaluate"))
    if exported and found:
        found.append(f"Exported is {exported}, and so are the figures.")
    return found


def judge(results: Sequence[Result], pretrain: StageRecord, text_tokens: float | None = None) -> str:
    """How the pretrained model does on held-out text beside counts of tokens; empty where it was not measured.

    Args:
        text_tokens: that the corpus has for training, where it is known.
    """
    leading = leading_figure(results, "pretrain")
    if leading is None:
        return ""
    few = "a single document" if leading.n == 1 else f"only {leading.n} documents"
    where = f"On held-out text, {few}," if leading.of_few else "On held-out text"
    measured = f"{where} it has {number(leading.value)} {_in_a_sentence(leading.title)}"
    values = {r.model: r.value for r in results if r.name == leading.name and not r.file}
    counted = {what: values[model] for model, what in COUNTED.items() if model in values}
    mine = badness(leading.better, leading.value)
    beaten = [what for what, value in counted.items() if mine < badness(leading.better, value)]
    ahead = [f"{what} ({number(value)})" for what, value in counted.items() if what not in beaten]
    if not counted:
        return f"{measured}."
    if not beaten:
        found = f"{measured}, and counts of {ahead[0]} in the corpus's training text do better"
        return (
            f"{found}."
            if _is_only_measured(pretrain)
            else f"{found}: it has not learned much yet.{_why(pretrain, text_tokens)}"
        )
    best = beaten[-1]
    share = abs(1 - leading.value / counted[best])
    text = f"{measured}, {share:.0%} {leading.better} than counts of {best} in the same text ({number(counted[best])})"
    return (
        f"{text}; counts of {ahead[0]} still do better.{_why(pretrain, text_tokens)}" if ahead else f"{text}."
    )


def judge_answers(
    results: Sequence[Result], finetune: StageRecord, evaluate: StageRecord | None
) -> list[str]:
    """What keeps the scores of the test examples from telling how good the fine-tuned model is, a sentence each."""
    main = _main_figures(results)
    if not main:
        return []
    found: list[str] = []
    examples = main[0].n
    cut_off = sum(r.value for r in results if r.model == "finetune" and r.name == "cut_off_predictions")
    if cut_off >= MANY * examples:
        settings = (evaluate.manifest.get("config") or {}).get("evaluate") if evaluate else None
        most = ((settings or {}).get("decode") or {}).get("max_new_tokens")
        found.append(
            f"Of its {counted(examples, 'answer')} {counted(round(cut_off), 'was', 'were')} cut off at the longest "
            f"length{f' (evaluate.decode.max_new_tokens={most})' if most else ''}, so the scores depend on that "
            "limit, too."
        )
    if cut := describe_cut(finetune.metrics, NOTABLE_SHARE):
        found.append(f"Too long for the model's context, {cut}.")
    shortened = sum(r.value for r in results if r.model == "finetune" and r.name == SHORTENED)
    if shortened >= MANY * examples:
        found.append(
            f"Of its {counted(examples, 'test prompt')} {counted(round(shortened), 'was', 'were')} too long, too: the "
            "model was asked without a part of them."
        )
    known, asked = figure(finetune.metrics, KNOWN_ANSWERS), figure(finetune.metrics, "test_examples")
    if known and asked and known >= MANY * asked:
        found.append(
            f"{known / asked:.0%} of the test examples have an answer that stands word for word in the training "
            "examples: the scores tell how well it repeats those, and little of answers that it was not shown."
        )
    if examples < FEW_EXAMPLES:
        sure = ""
        if main[0].low is not None and (confidence := confidence_of(evaluate)):
            low, high = number(main[0].low), number(main[0].high)
            sure = f": the {confidence}interval of {main[0].title} goes from {low} to {high}"
        found.append(
            f"{counted(examples, 'example')} {'tells' if examples == 1 else 'tell'} little about others{sure}."
        )
    return found


def _main_figures(results: Sequence[Result]) -> list[Result]:
    """The figures of the fine-tuned model's test examples that tell most."""
    return [r for r in results if r.model == "finetune" and not r.of_text and r.headline][:2]


def leading_figure(results: Sequence[Result], model: str) -> Result | None:
    """The figure of held-out text that says most, of the corpus itself."""
    own = {r.name: r for r in results if r.model == model and r.of_text and not r.file}
    return next((own[name] for name in LEADING if name in own), next(iter(own.values()), None))


def _trained(pretrain: StageRecord, sources: Sequence[Source]) -> str:
    metrics, config = pretrain.metrics, pretrain.manifest.get("config") or {}
    parameters, tokens = figure(metrics, "parameters"), figure(metrics, "tokens")
    steps, seconds = figure(metrics, "steps"), pretrain.manifest.get("seconds") or 0
    family = str((config.get("model") or {}).get("family", "model")).replace("_", " ")
    kind = {"hf": "model of transformers", "lstm": "LSTM"}.get(family, family)
    size = f" with {compact(parameters)} parameters" if parameters else ""
    start = run_label(read_initial(pretrain.folder))
    if _is_only_measured(pretrain):
        of = f"the weights of {start}" if start else "weights that existed"
        init = (config.get("pretrain") or {}).get("init")
        return f"{_article(kind)} {kind}{size}: {of}{_pretrained_on(init)}, measured as they are and not trained."
    being = "being " if pretrain.at_work else ""
    origin = (
        f"{being}trained further from the weights of {start}" if start else f"{being}trained from scratch"
    )
    corpus = f" on {' and '.join(source.name for source in sources)}" if sources else ""
    how_long = f" for {counted(round(steps), 'step')}" if steps else ""
    read = f" ({compact(tokens)} tokens)" if tokens else ""
    took = f" in {duration(seconds)} on {hardware(pretrain.manifest)}" if seconds and not being else ""
    return f"{_article(kind)} {kind}{size}, {origin}{corpus}{how_long}{read}{took}."


def _tuned(finetune: StageRecord, results: Sequence[Result], alone: bool) -> str:
    section = (finetune.manifest.get("config") or {}).get("finetune") or {}
    init, task = section.get("init"), section.get("task", "")
    start = run_label(read_initial(finetune.folder) or weights_name(init or ""))
    main = _main_figures(results)
    subject = f"{start or 'A model'}{_pretrained_on(init)} was" if alone else "It was then"
    reached = ", ".join(str(result.headline) for result in main)
    scores = f"; on its {counted(main[0].n, 'test example')} it reaches {reached}" if main else ""
    if _is_only_measured(finetune):
        return f"{subject} measured{f' ({task})' if task else ''} as it is, and not fine-tuned{scores}."
    return f"{subject} fine-tuned{f' ({task})' if task else ''}{_examples(finetune, section)}{scores}."


def _is_only_measured(training: StageRecord) -> bool:
    """Whether weights were taken as they are, with `trainer.steps=0`."""
    return figure(training.metrics, "steps") == 0 and not training.at_work


def _pretrained_on(init: str | None) -> str:
    """Which text another run's weights come from, in brackets, and how good they are; empty where that is not known."""
    pretraining = pretraining_of(init)
    corpus = corpus_of(pretraining) if pretraining else None
    names = [source["name"] for source in corpus["sources"]] if corpus else []
    if not names or pretraining is None:
        return ""
    manifest = read_json(pretraining / MANIFEST, pretraining, ("metrics",))
    reached = words(manifest["metrics"], "headline")
    return f" (pretrained on {enumerated(names)}{f', {reached}' if reached else ''})"


def _examples(finetune: StageRecord, section: Mapping[str, Any]) -> str:
    """The files of examples, and how many there are."""
    data = [
        section.get("data") or {},
        *(part.get("data") or {} for part in (section.get("parts") or {}).values()),
    ]
    names = list(dict.fromkeys(Path(name).name for each in data for name in each.get("train") or ()))
    count = figure(finetune.metrics, "examples")
    examples = counted(round(count), "example") if count else ""
    if not names:
        return f" on {examples}" if examples else ""
    files = enumerated(names) if len(names) <= SHOWN else f"{len(names)} files"
    return f" on {files}" + (f" ({examples})" if examples else "")


def _why(pretrain: StageRecord, text_tokens: float | None) -> str:
    parameters, tokens = figure(pretrain.metrics, "parameters"), figure(pretrain.metrics, "tokens")
    if not parameters or not tokens or tokens >= COMPUTE_OPTIMAL * parameters:
        return ""
    read = (
        f" It has read {number(tokens / parameters)} tokens per parameter, where about {COMPUTE_OPTIMAL} are a good "
        "use of compute (Hoffmann et al., 2022)"
    )
    if text_tokens and (epochs := COMPUTE_OPTIMAL * parameters / text_tokens) > MANY_EPOCHS:
        return (
            f"{read}. That would be {epochs:,.0f} epochs of this corpus, which repeat it too often to teach it more: "
            "bring more text, or train a smaller model."
        )
    return f"{read}: train it for longer, or train a smaller model."


def _in_a_sentence(title: str) -> str:
    return title[:1].lower() + title[1:]


def _article(word: str) -> str:
    return "An" if word[:1].lower() in "aeio" or word.startswith(("LSTM", "hf")) else "A"
