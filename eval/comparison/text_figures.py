"""How sure differences on held-out text are: from what each document costs each model."""

from eval.comparison.evaluated_run import EvaluatedRun
from eval.comparison.significance import Draws, Recorder, Significance, compare_systems
from eval.language_model.perplexity import perplexity_results

Key = tuple[str, str, str | None]
"""Model, figure and file of a result."""


def text_differences(first: EvaluatedRun, second: EvaluatedRun, draws: Draws) -> dict[Key, Significance]:
    """Tests over documents, for each figure of the texts that both runs scored."""
    found: dict[Key, Significance] = {}
    for (model, file), ours in first.documents.items():
        other = second.documents.get((model, file))
        if other is None or not ours.is_of_same_text(other):
            continue
        recorder = Recorder(draws.resamples, draws.confidence, draws.seed)
        both = ours.followed_by(other)
        perplexity_results(model, both.nats, both, recorder, "")
        for name, statistic in recorder.statistics.items():
            assert statistic is not None  # figures of text are always resampled
            if sure := compare_systems(statistic, len(ours.nats), draws):
                found[model, name, file] = sure
    return found
