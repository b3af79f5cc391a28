"""How the fine-tuned model judges test pairs of answers, and what it answers itself."""

import numpy as np

from eval.results import Result
from eval.tasks import Prediction, TunedModel
from eval.tasks.rewards import answered_prompts, measure_rewards, reward_results


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """In how many pairs the chosen answer has the greater reward, in percent, and by how much it has on average."""
    rows = tuned.test_rows()
    rewards = measure_rewards(tuned, rows)
    margins: np.ndarray = rewards[:, 0] - rewards[:, 1]

    def accuracy(drawn: np.ndarray) -> float:
        return 100 * float((margins[drawn] > 0).mean())

    def margin(drawn: np.ndarray) -> float:
        return float(margins[drawn].mean())

    statistics = {"reward_accuracy": accuracy, "reward_margin": margin}
    return reward_results(tuned, statistics, len(rows)), answered_prompts(tuned, rows)
