"""How the fine-tuned model judges test answers that are each good or bad, and what it answers itself."""

import numpy as np

from eval.results import Result
from eval.tasks import Prediction, TunedModel
from eval.tasks.rewards import answered_prompts, measure_rewards, reward_results


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """How many of the good answers have become likelier, and of the bad ones less likely, in percent; and by how much
    the mean reward of the good ones is the greater. Without both kinds there is no margin."""
    rows = tuned.test_rows()
    rewards = measure_rewards(tuned, rows)[:, 0]
    good = np.array([row["desirable"] for row in rows])

    def accuracy(drawn: np.ndarray) -> float:
        return 100 * float(((rewards > 0) == good)[drawn].mean())

    def margin(drawn: np.ndarray) -> float:
        kept = drawn if 0 < good[drawn].sum() < len(drawn) else np.arange(len(rows))  # a resample of one kind
        return float(rewards[kept][good[kept]].mean() - rewards[kept][~good[kept]].mean())

    statistics = {"reward_accuracy": accuracy}
    if good.any() and not good.all():
        statistics["reward_margin"] = margin
    return reward_results(tuned, statistics, len(rows)), answered_prompts(tuned, rows)
